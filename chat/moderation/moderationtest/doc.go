// Package moderationtest has the suite that every [moderation.Store] must pass, and a store in memory that passes it.
package moderationtest
