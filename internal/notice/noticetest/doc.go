// Package noticetest has the suite that every [notice.Store] must pass, and a store in memory that passes it.
package noticetest
