//! Log lines on standard error.

/// Sends log lines to standard error: what `AZIMUTH_LOG` asks for (`default_level` unless set), as text or as JSON.
pub fn start(json: bool, default_level: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_env("AZIMUTH_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default_level));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second start within one process keeps the first one's writer.
    let _ = if json {
        builder.json().try_init()
    } else {
        builder.with_ansi(super::is_coloured(&std::io::stderr())).try_init()
    };
}
