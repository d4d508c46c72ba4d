//! The words that names are made of.

pub(crate) const DOMAINS: &[&str] = &[
    "payments",
    "catalog",
    "search",
    "identity",
    "shipping",
    "billing",
    "messaging",
    "inventory",
    "pricing",
    "orders",
    "checkout",
    "loyalty",
    "fraud",
    "reporting",
    "media",
    "support",
    "geo",
    "notify",
    "accounting",
    "risk",
    "partner",
    "content",
    "session",
    "growth",
    "fleet",
    "tax",
    "returns",
    "reviews",
    "promo",
    "video",
    "audio",
    "maps",
    "chat",
    "calendar",
    "docs",
    "tickets",
    "workflow",
    "audit",
    "quota",
    "metering",
    "warehouse",
    "travel",
];

pub(crate) const ROLES: &[&str] = &["api", "worker", "gateway", "admin", "sync", "web", "cron", "stream"];

/// The first platform libraries, in order; only tests import the first one.
pub(crate) const PLATFORM: &[&str] = &["testkit", "logging", "settings", "tracing", "metrics"];

pub(crate) const LIBRARIES: &[&str] = &[
    "anchor", "asset", "balance", "basket", "batch", "beacon", "breaker", "bundle", "carrier", "channel", "charge",
    "codec", "counter", "coupon", "cursor", "depot", "digest", "docket", "feed", "gauge", "geohash", "grant", "harbor",
    "index", "invoice", "journal", "lattice", "layout", "lease", "lens", "limiter", "mailbox", "matrix", "offer",
    "packer", "parcel", "payout", "planner", "policy", "posting", "prism", "probe", "quote", "ranker", "refund",
    "region", "relay", "replica", "roster", "router", "sampler", "scorer", "scribe", "segment", "shard", "signal",
    "tenant", "theme", "throttle", "thumb", "token", "topic", "upload", "vector", "voucher", "wallet", "widget",
    "window",
];

pub(crate) const SUFFIXES: &[&str] = &["", "core", "tool", "util", "model", "store", "flow"];

/// Packages of a library. None is a keyword of Go or the last element of a package of its library.
pub(crate) const PACKAGES: &[&str] = &[
    "arrange",
    "backoff",
    "bloom",
    "cachekeys",
    "client",
    "convert",
    "decode",
    "delta",
    "dispatch",
    "encode",
    "enqueue",
    "event",
    "expiry",
    "fetch",
    "graph",
    "hedge",
    "labels",
    "limits",
    "loader",
    "lookup",
    "mapper",
    "masker",
    "merge",
    "notes",
    "patch",
    "pipeline",
    "quorum",
    "reader",
    "redact",
    "retry",
    "ring",
    "rules",
    "scan",
    "server",
    "sign",
    "sink",
    "source",
    "split",
    "stage",
    "state",
    "stats",
    "store",
    "table",
    "tags",
    "tree",
    "trie",
    "types",
    "validate",
    "verify",
    "wire",
    "writer",
];

/// Packages below the `internal` folder of a service.
pub(crate) const INTERNAL: &[&str] = &["handler", "jobs", "mailer", "records", "routes", "settings", "view", "workers"];

/// Names of source files; none ends in the name of an operating system or an architecture.
pub(crate) const STEMS: &[&str] = &[
    "apply",
    "assemble",
    "batching",
    "choose",
    "collect",
    "compare",
    "defaults",
    "evict",
    "filter",
    "flush",
    "format",
    "helpers",
    "indexing",
    "limiting",
    "matching",
    "names",
    "options",
    "order",
    "parse",
    "queueing",
    "refresh",
    "registry",
    "resolve",
    "snapshot",
    "sync_loop",
    "tally",
    "update",
    "walk",
];

pub(crate) const NOUNS: &[&str] = &[
    "Bucket", "Chunk", "Cursor", "Digest", "Edge", "Entry", "Frame", "Group", "Item", "Job", "Key", "Lease", "Node",
    "Order", "Packet", "Page", "Plan", "Probe", "Quota", "Range", "Record", "Route", "Row", "Shard", "Slot", "Span",
    "Step", "Ticket", "Token", "Window",
];

pub(crate) const VERBS: &[&str] = &[
    "Apply", "Balance", "Check", "Collect", "Compact", "Derive", "Drain", "Expand", "Fold", "Gather", "Join", "Load",
    "Measure", "Pack", "Rank", "Reduce", "Scan", "Select", "Shift", "Split", "Trim", "Update", "Visit", "Weigh",
];

/// Subjects of commits; the place is put before them.
pub(crate) const SUBJECTS: &[&str] = &[
    "handle empty input",
    "tune limits",
    "simplify",
    "make errors clearer",
    "follow up on review",
    "change defaults",
    "avoid an allocation",
    "fix an off-by-one error",
];
