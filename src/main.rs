//! Arguments in, exit code out.

fn main() -> std::process::ExitCode {
    azimuth::cli::run()
}
