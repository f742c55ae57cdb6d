//! Tests of the configuration as a whole.

#[test]
fn scratch() {
    let mut sources = crate::base::Sources::default();
    let path = std::env::var("AZ_CONFIG").unwrap_or("azimuth.toml".into());
    let start = std::time::Instant::now();
    let (config, diagnostics) = super::load(std::path::Path::new(&path), &mut sources);
    eprintln!("took {:?}", start.elapsed());
    for d in &diagnostics {
        eprintln!("{}\n", d.render(&sources, false));
    }
    if std::env::var("AZ_DUMP").is_ok() {
        eprintln!("{config:#?}");
    }
    eprintln!("{}", config.is_some());
}
