//! From root to an ordinary user, once the sockets are bound.

use super::load::authority_files;
use crate::base::Diagnostic;
use crate::config::Config;
use crate::transfer::state_name::FOLDER_MODE;
use crate::zone::Zone;
use nix::unistd::{Group, Uid, User, getgrouplist, initgroups, setgid, setuid};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::{DirBuilder, Metadata};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The first port that everybody may bind.
const UNPRIVILEGED_PORT_MIN: u16 = 1024;

/// Permission to read a file, and to reach what is in a folder.
const READ: u32 = 0o4;
const SEARCH: u32 = 0o1;

/// Becomes `user` with all of its groups, for every thread of the process; the state folder is made before where there is
/// none, and is then the user's. Nothing is done when this process is not root's. Errors say what to do.
pub fn become_user(user: &str, state_dir: &Path) -> Result<(), String> {
    if !Uid::effective().is_root() {
        tracing::warn!(user, "not started as root: `[server] user` has no effect");
        return Ok(());
    }
    let found = find(user)?;
    let name = CString::new(user).map_err(|_| format!("user name `{user}` holds a NUL octet"))?;
    if let Err(error) = make_state_dir(state_dir, &found) {
        // Whoever needs it says so with an error.
        tracing::warn!(path = %state_dir.display(), %error, "cannot make the folder of `[server] state_dir`");
    }
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

/// Makes the folder of state where there is none, and gives it to `user`.
fn make_state_dir(path: &Path, user: &User) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    DirBuilder::new().mode(FOLDER_MODE).create(path)?;
    chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
}

/// What is wrong with the user that `config` names. Where this process would become that user, it is an error when there is
/// none, and when one of the files that the next reload reads is not for them; else a missing user is a warning.
pub(super) fn check_user(config: &Config, zones: &[Arc<Zone>]) -> Vec<Diagnostic> {
    let Some(user) = config.server.user.as_deref() else { return Vec::new() };
    // Who is not root stays who they are.
    let is_root = Uid::effective().is_root();
    let mut found = match find(user) {
        Err(reason) if is_root => vec![Diagnostic::error(reason)],
        Err(reason) => vec![Diagnostic::warning(reason)],
        Ok(found) if is_root => unreadable_files(config, zones, &found),
        Ok(_) => Vec::new(),
    };
    for diagnostic in &mut found {
        diagnostic.places.extend(config.places.user.map(|place| (place, String::new())));
    }
    found
}

/// An error for each file or folder that keeps `user` from what `config` names.
fn unreadable_files(config: &Config, zones: &[Arc<Zone>], user: &User) -> Vec<Diagnostic> {
    let reader = Reader::of(user);
    let zones = zones.iter().flat_map(|zone| zone.files());
    let databases = config.geo.databases.iter().map(|database| &*database.path);
    let files = config.files.iter().map(PathBuf::as_path).chain(zones).chain(databases);
    let files: BTreeSet<&Path> =
        files.chain(authority_files(config)).chain(config.server.cookie_secret_file.as_deref()).collect();
    let group = Group::from_gid(user.gid).ok().flatten().map_or_else(|| user.gid.to_string(), |group| group.name);
    let (mut told, mut found) = (BTreeSet::new(), Vec::new());
    for file in files {
        let Some(obstacle) = reader.obstacle(file) else { continue };
        let (message, remedy) = match &obstacle {
            Obstacle::File => {
                let file = file.display();
                let message = format!("user `{}` cannot read `{file}`: every reload would fail", user.name);
                (message, format!("chgrp {group} {file} && chmod 640 {file}"))
            }
            Obstacle::Folder(folder) if told.insert(folder.clone()) => {
                let (file, folder) = (file.display(), folder.display());
                let message = format!(
                    "user `{}` cannot enter the folder `{folder}`, where `{file}` is: every reload would fail",
                    user.name
                );
                (message, format!("chgrp {group} {folder} && chmod g+x {folder}"))
            }
            Obstacle::Folder(_) => continue,
        };
        found.push(Diagnostic::error(message).hint(remedy));
    }
    found
}

/// Who reads files.
struct Reader {
    uid: u32,
    gids: Vec<u32>,
}

/// What keeps somebody from reading a file.
#[derive(Debug, PartialEq, Eq)]
enum Obstacle {
    /// Its own permissions.
    File,
    /// Those of this folder.
    Folder(PathBuf),
}

impl Reader {
    fn of(user: &User) -> Self {
        let name = CString::new(user.name.as_str()).unwrap_or_default();
        let groups = getgrouplist(&name, user.gid).unwrap_or_else(|_| vec![user.gid]);
        Self { uid: user.uid.as_raw(), gids: groups.into_iter().map(|group| group.as_raw()).collect() }
    }

    /// What keeps them from reading `file`; nothing where it is not there, which others tell of.
    fn obstacle(&self, file: &Path) -> Option<Obstacle> {
        let whole = std::fs::canonicalize(file).ok()?;
        let mut folders: Vec<&Path> = whole.ancestors().skip(1).collect();
        folders.reverse();
        if let Some(folder) = folders.into_iter().find(|folder| !self.may(folder, SEARCH)) {
            return Some(Obstacle::Folder(folder.to_path_buf()));
        }
        (!self.may(&whole, READ)).then_some(Obstacle::File)
    }

    fn may(&self, path: &Path, permission: u32) -> bool {
        // Nothing is known of what cannot be looked at; an access control list may allow what the mode does not show.
        let Ok(metadata) = std::fs::metadata(path) else { return true };
        self.may_by_mode(&metadata, permission) || has_access_list(path)
    }

    fn may_by_mode(&self, metadata: &Metadata, permission: u32) -> bool {
        let class = match () {
            () if self.uid == 0 => return true,
            () if self.uid == metadata.uid() => 6,
            () if self.gids.contains(&metadata.gid()) => 3,
            () => 0,
        };
        metadata.mode() >> class & permission != 0
    }
}

#[cfg(target_os = "linux")]
fn has_access_list(path: &Path) -> bool {
    rustix::fs::getxattr(path, "system.posix_acl_access", &mut [0_u8; 0]).is_ok_and(|len| len > 0)
}

#[cfg(not(target_os = "linux"))]
fn has_access_list(_: &Path) -> bool {
    false
}

/// The user of that name.
fn find(user: &str) -> Result<User, String> {
    User::from_name(user).map_err(|error| format!("cannot look up user `{user}`: {error}"))?.ok_or_else(|| {
        format!("user `{user}` does not exist; create it (`useradd --system {user}`) or change `[server] user`")
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "test code")]
    use super::{Obstacle, Reader};
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    #[test]
    fn a_file_is_readable_by_the_mode_of_itself_and_of_the_folders_above() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap();
        let file = path.join("ddns.key");
        std::fs::write(&file, "").unwrap();
        let modes = |of_folder, of_file| {
            set_permissions(&path, Permissions::from_mode(of_folder)).unwrap();
            set_permissions(&file, Permissions::from_mode(of_file)).unwrap();
        };
        let owner = std::fs::metadata(&file).unwrap();
        let stranger = Reader { uid: owner.uid() + 1, gids: vec![owner.gid() + 1] };
        let member = Reader { uid: owner.uid() + 1, gids: vec![owner.gid() + 1, owner.gid()] };
        modes(0o755, 0o644);
        assert_eq!(stranger.obstacle(&file), None);
        modes(0o755, 0o640);
        assert_eq!((stranger.obstacle(&file), member.obstacle(&file)), (Some(Obstacle::File), None));
        modes(0o755, 0o604);
        assert_eq!((stranger.obstacle(&file), member.obstacle(&file)), (None, Some(Obstacle::File)));
        modes(0o710, 0o644);
        assert_eq!(stranger.obstacle(&file), Some(Obstacle::Folder(path.clone())));
        assert_eq!(member.obstacle(&file), None);
        assert_eq!(stranger.obstacle(&path.join("nowhere")), None);
        modes(0o700, 0o600);
    }
}
