//! From root to an ordinary user, once the sockets are bound.

use crate::base::Diagnostic;
use crate::config::Config;
use nix::unistd::{Uid, User, initgroups, setgid, setuid};
use std::ffi::CString;
use std::net::SocketAddr;

/// The first port that everybody may bind.
const UNPRIVILEGED_PORT_MIN: u16 = 1024;

/// Becomes `user` with all of its groups, for every thread of the process. Nothing is done when this process is not
/// root's. Errors say what to do.
pub fn become_user(user: &str) -> Result<(), String> {
    if !Uid::effective().is_root() {
        tracing::warn!(user, "not started as root: `[server] user` has no effect");
        return Ok(());
    }
    let found = find(user)?;
    let name = CString::new(user).map_err(|_| format!("user name `{user}` holds a NUL octet"))?;
    // Groups first: afterwards there is no right to change them.
    initgroups(&name, found.gid)
        .and_then(|()| setgid(found.gid))
        .and_then(|()| setuid(found.uid))
        .map_err(|error| format!("cannot become user `{user}`: {error}"))?;
    tracing::info!(user, "privileges dropped");
    Ok(())
}

/// Says what to do when nobody configured a user and this process is root's for no better reason than a low port.
pub fn warn_of_staying_root(listening: &[SocketAddr]) {
    if Uid::effective().is_root() && listening.iter().any(|address| address.port() < UNPRIVILEGED_PORT_MIN) {
        tracing::warn!(
            "still root, which only binding the ports needs: set `[server] user` to another user (`useradd --system \
             azimuth` makes one), who must be able to read the configuration"
        );
    }
}

/// What is wrong with the user that `config` names: an error where this process could not become that user, else a warning.
pub(super) fn check_user(config: &Config) -> Option<Diagnostic> {
    let reason = find(config.server.user.as_deref()?).err()?;
    // Who is not root stays who they are.
    let mut diagnostic =
        if Uid::effective().is_root() { Diagnostic::error(reason) } else { Diagnostic::warning(reason) };
    diagnostic.places.extend(config.places.user.map(|place| (place, String::new())));
    Some(diagnostic)
}

/// The user of that name.
fn find(user: &str) -> Result<User, String> {
    User::from_name(user).map_err(|error| format!("cannot look up user `{user}`: {error}"))?.ok_or_else(|| {
        format!("user `{user}` does not exist; create it (`useradd --system {user}`) or change `[server] user`")
    })
}
