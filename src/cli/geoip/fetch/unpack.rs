//! Unpacking what was downloaded. Knows no network.

use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

/// Largest unpacked database, in octets.
const UNPACKED_LEN_MAX: u64 = 4 << 30;

/// Unpacks a gzip file into an existing file.
pub fn gunzip(packed: &Path, into: &Path) -> Result<(), String> {
    copy(&mut decoder(packed)?, into)
}

/// Unpacks the one `.mmdb` of a tar.gz into an existing file.
pub fn mmdb_in_tar(packed: &Path, into: &Path) -> Result<(), String> {
    let mut archive = tar::Archive::new(decoder(packed)?);
    for entry in archive.entries().map_err(text)? {
        let mut entry = entry.map_err(text)?;
        let is_database = entry.path().is_ok_and(|path| path.extension().is_some_and(|extension| extension == "mmdb"));
        if is_database && entry.header().entry_type().is_file() {
            return copy(&mut entry, into);
        }
    }
    Err("the archive holds no .mmdb file".to_owned())
}

fn decoder(packed: &Path) -> Result<GzDecoder<BufReader<File>>, String> {
    Ok(GzDecoder::new(BufReader::new(File::open(packed).map_err(text)?)))
}

fn copy(from: &mut impl Read, into: &Path) -> Result<(), String> {
    let mut file = File::options().write(true).truncate(true).open(into).map_err(text)?;
    let copied = io::copy(&mut from.take(UNPACKED_LEN_MAX), &mut file).map_err(text)?;
    file.flush().map_err(text)?;
    if copied == UNPACKED_LEN_MAX {
        return Err(format!("it unpacks to {} GiB or more", UNPACKED_LEN_MAX >> 30));
    }
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn text(error: io::Error) -> String {
    error.to_string()
}
