//! What `--help` and the manual pages say beyond the options.

/// What `vidimus exec --help` and its manual page say beyond the options.
pub(crate) const EXEC_NOTES: &[&str] = &[
    "The command gets PATH, HOME, USER, LANG, TERM and TZ where they are set, and \
     nothing else of the environment unless `--env` or `--secret` names it.",
    "Without a terminal it returns after 40 seconds with exit code 115 and the \
     command line that goes on waiting. Ctrl-C takes the request back.",
    "More is made of some commands, unless `--plain` is given. `git push`: the commits \
     and references that move are shown, and exactly those objects are pushed. `psql` with \
     `-c`, `-f` or `--stdin`: its statements are shown, with the database's plans. `terraform \
     apply`: the plan is made and shown, and that file is applied. `cp FROM FILE` and \
     `tee FILE` with `--stdin`: shown before and after, and written by Vidimus. What was \
     looked at is looked at again before it runs; a change means a new review.",
];

/// What `vidimus mcp --help` and its manual page say beyond the options.
pub(crate) const MCP_NOTES: &[&str] = &[
    "Put it where the MCP client has the server's own command line. It speaks MCP on \
     standard input and output. Each call of a tool waits until a person approved exactly \
     that call; everything else passes as it stands. The server gets this environment.",
    "A client that does not wait long enough is answered with *pending* and a tool, \
     `vidimus_wait`, that gives the result later. What each client gets, and what is not \
     held: docs/MCP.md.",
    "`--link page` is the console's page at the gateway's address, for whoever serves it \
     there; `--link app` is `vidimus://action/ID`, which opens the console's window and \
     which many clients refuse.",
    "A tool whose definition is not the one that was seen first is refused until \
     `--accept-changes`, which shows the change, accepts it and starts nothing.",
];

/// What `vidimus wait --help` says beyond the options.
pub(crate) const WAIT_NOTES: &[&str] = &[
    "Without a terminal and without `--timeout` it returns after 40 seconds with exit \
     code 115. Ctrl-C ends the waiting and takes nothing back. An approved command is \
     run by `vidimus exec --resume ID`, where it was proposed.",
    "With `--json` it returns also when the reviewer asks something, so that somebody \
     can answer: exit code 115 and the open questions.",
];

pub(crate) const COMPLETIONS_HELP: &str = "\
A package puts them where shells look. Without one, for the running shell:
  bash:  source <(vidimus completions bash)
  zsh:   source <(vidimus completions zsh)
  fish:  vidimus completions fish | source";

/// What `vidimus verify --help` says beyond the options.
pub(crate) const VERIFY_NOTES: &[&str] = &[
    "An export proves that its entries are whole and in order up to its end, not \
     that the log ends there. To find out whether entries were cut off, keep a \
     checkpoint (`vidimus export --checkpoint-out FILE`) or any earlier export away \
     from the gateway, and give it to `--at-least`.",
];

/// What `vidimus webhook --help` says beyond the options.
pub(crate) const WEBHOOK_NOTES: &[&str] = &[
    "Messages hold ids, times and statuses, never what an agent or a person wrote. \
     They follow the Standard Webhooks specification: the receiver checks \
     `webhook-signature` with the endpoint's secret. What is not answered with 200 \
     to 299 is tried again, ten times in about three days; 410 ends it. Whether a \
     message arrived stands beside the action in the console.",
];

/// What `vidimus backup --help` says beyond the options.
pub(crate) const BACKUP_NOTES: &[&str] = &[
    "The folder holds `gateway.db`, `keys.json` and, for one person, `port`. How to restore it, and \
     when the gateway refuses a restored ledger: docs/OPERATIONS.md.",
];

/// What `vidimus gateway --help` says beyond the options.
pub(crate) const GATEWAY_NOTES: &[&str] = &[
    "With `--public-url` it wants a way to speak TLS: `--tls-certificate` and \
     `--tls-key`, or a proxy that does, named by `--behind-proxy`. What the proxy \
     has to do: docs/OPERATIONS.md. `http://localhost:PORT` wants neither.",
    "VIDIMUS_LOG chooses what is written to standard error: `error`, `warn`, \
     `info` (a line for each request), `debug` or `trace`. Without it, `warn` with \
     text and `info` with JSON.",
    "OTEL_EXPORTER_OTLP_ENDPOINT names an OpenTelemetry collector that gets traces, \
     such as `http://localhost:4318`; the other standard variables are heeded.",
    "`/healthz` and `/metrics` of its address are for monitoring.",
];
