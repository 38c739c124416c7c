package main

// Config is every setting of a server. Each field is a flag (--http), a variable of the environment (PARLEY_HTTP) and a key
// of the YAML file (http); its help says what it brings about. Wrong values are refused by [Config.check], which
// names the fix.
type Config struct {
	HTTP  string `default:"${http}" placeholder:"ADDR" group:"Addresses" help:"Where pages, API and WebSocket are served. Port 0 takes a free one. Beyond loopback it needs TLS or --behind-proxy (${default})."`
	Admin string `default:"localhost:8081" placeholder:"ADDR" group:"Addresses" help:"Where health, metrics and profiles are served, unencrypted and to whoever reaches it; loopback unless --admin-anywhere (${default})."`
	UDP   string `default:":7882" placeholder:"ADDR" group:"Addresses" help:"First UDP port of media; each worker takes the next one. Open them in the firewall, or interviews stay dark. Port 0 takes free ones (${default})."`

	UDPWorkers int  `default:"0" placeholder:"N" group:"Media" help:"UDP sockets, one port each; 0 means one a processor, at most 8."`
	PublicIP   []ip `placeholder:"IP" group:"Media" help:"Addresses told to clients for media instead of the machine's own: needed behind NAT, or clients outside can't connect."`

	Data string `placeholder:"DIR" type:"path" group:"Storage" help:"Folder of database, recordings and keys; one server a folder. Whoever reads it has the keys: keep it private and back it up. dev: the user's cache folder."`

	Database secret `placeholder:"URL" group:"Engines" help:"PostgreSQL instead of the data folder's SQLite: postgres://user@host/name?sslmode=verify-full. Nodes that share it are one cluster. Better in the environment or the file: it holds a password."`
	Vault    secret `placeholder:"URL" group:"Engines" help:"PostgreSQL database for the keys instead of the data folder, shared by all nodes: another one than --database, backed up apart from it, so that no dump of one opens the other."`
	RootKey  string `placeholder:"WHERE" group:"Engines" help:"What wraps every key: a file, env:NAME, or hcvault://HOST/transit/keys/NAME. Without it nothing can be read: keep a copy elsewhere. Data folder alone: keys/root.key, made at the first start."`
	Redis    secret `placeholder:"URL" group:"Engines" help:"Redis that wakes other nodes: rediss://…, with ?master_name=…&addr=… for Sentinel. It may lose everything; without it nodes hear of each other only by asking."`
	S3       string `name:"s3" env:"PARLEY_S3" placeholder:"URL" group:"Engines" help:"S3 store of recordings, https://HOST/BUCKET: each class has a locked bucket BUCKET-part, BUCKET-recording, BUCKET-attachment (deploy/s3). A store that fails the check at the start is refused."`
	S3Writer secret `name:"s3-writer" env:"PARLEY_S3_WRITER" placeholder:"KEY:SECRET" group:"Engines" help:"Credential that may only put."`
	S3Reader secret `name:"s3-reader" env:"PARLEY_S3_READER" placeholder:"KEY:SECRET" group:"Engines" help:"Credential that may only read and list."`
	Trust    string `placeholder:"FILE" type:"path" group:"Engines" help:"Certificate authorities (PEM) of Redis and the store, beside the system's."`

	Cluster    string `placeholder:"ADDR" group:"Nodes" help:"HOST:PORT under which other nodes call this one; they share database, vault, Redis and store. Without it this node is alone."`
	ClusterTLS string `name:"cluster-tls" placeholder:"DIR" type:"path" group:"Nodes" help:"Folder with ca.crt, node.crt and node.key by which nodes know each other; read again when they change. Who holds the authority's key is a node: keep it off the machines."`
	DrainFor   span   `default:"0s" placeholder:"TIME" group:"Nodes" help:"How long a stop waits for interviews to end before it hands them to other nodes; new ones go there at once (${default}, at most 2h)."`

	Webhook       secret   `placeholder:"URL" group:"Outward" help:"Where events are delivered: ids and states, never contents. They are kept and tried again for three days."`
	WebhookSecret []secret `placeholder:"SECRET" group:"Outward" help:"Secrets that sign deliveries, at least 32 bytes; two while one replaces the other."`
	Region        string   `placeholder:"NAME" group:"Outward" help:"Where data must stay: a store in another region is refused at the start, and so is every recipient that --recipient does not name (L4)."`
	Recipient     []string `placeholder:"HOST" group:"Outward" help:"Hosts inside the region, or allowed outside of it, that may be sent personal data."`

	Rules string `placeholder:"FILE" type:"path" group:"Moderation" help:"What messages may hold, in YAML (chat/moderation/RULES.md): words, patterns, contacts, and a service that may veto. Read again when it changes; without it contacts are asked about, and masked to headhunters."`

	TLSCert     string   `placeholder:"FILE" type:"path" group:"TLS" help:"Certificate chain (PEM); read again when the file changes. Goes with --tls-key."`
	TLSKey      string   `placeholder:"FILE" type:"path" group:"TLS" help:"Private key of --tls-cert (PEM)."`
	ACMEDomain  []string `placeholder:"NAME" group:"TLS" help:"Get certificates for these names by ACME (Let's Encrypt), which must reach this server on port 443. Using it accepts the authority's terms."`
	BehindProxy bool     `group:"TLS" help:"A proxy ends TLS before this server: plain HTTP is served on any address. Without such a proxy tokens and messages cross the network in clear."`

	AdminAnywhere bool     `group:"Access" help:"Let --admin be an address beyond loopback: whoever reaches it reads profiles and metrics."`
	Origin        []string `placeholder:"URL" group:"Access" help:"Web origins besides the server's own whose pages may connect (https://jobs.example.com)."`

	JWKSURL   string `name:"jwks-url" placeholder:"URL" group:"Tokens" help:"Where the platform publishes its public keys (EdDSA, ES256, RS256). Whoever controls it can sign in as anybody."`
	APIKey    string `placeholder:"ID" group:"Tokens" help:"Key id of tokens signed with --api-secret (HS256), for small set-ups."`
	APISecret secret `placeholder:"SECRET" group:"Tokens" help:"Secret of --api-key, at least 32 bytes. Better in the environment or the file than on the command line, where other users of the machine see it."`
	Issuer    string `placeholder:"ISS" group:"Tokens" help:"Required iss of tokens; empty accepts any that the keys signed."`
	Audience  string `placeholder:"AUD" group:"Tokens" help:"Required aud of tokens; empty accepts any, also tokens the platform made for its other services."`
	ClockSkew span   `default:"30s" placeholder:"TIME" group:"Tokens" help:"How far the platform's clock may be off; an expired token lives that much longer (${default}, at most 5m)."`

	LogLevel  string `default:"info" placeholder:"LEVEL" group:"Operation" help:"debug, info, warn or error: what is logged to standard error (${default})."`
	LogFormat string `default:"${format}" placeholder:"FORMAT" group:"Operation" help:"json or text (${default})."`
	StopAfter span   `default:"25s" placeholder:"TIME" group:"Operation" help:"Hard deadline of a clean stop: what is not sealed by then is recovered at the next start (${default}, 1s to 5m)."`
}

// secret is a setting that never prints.
type secret string

func (secret) String() string   { return "hidden" }
func (secret) GoString() string { return "hidden" }
