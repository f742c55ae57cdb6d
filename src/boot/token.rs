//! The token of the admin API, made at the first start. Knows no requests.

use crate::admin::operate::token::{TOKEN_OCTETS, is_open_to_all, make};
use crate::config::Config;

/// Makes the token where there is none. A server that cannot make it answers all the same, and takes no commands.
pub(super) fn prepare(config: &Config) {
    if config.admin.listen.is_none() {
        return;
    }
    let path = config.token_file();
    let mut chance = [0; TOKEN_OCTETS];
    let made = getrandom::fill(&mut chance).map_err(|error| error.to_string());
    let made = made.and_then(|()| make(&path, &chance).map_err(|error| error.to_string()));
    match made {
        Ok(true) => tracing::info!(file = %path.display(), "made a token for the admin API"),
        Ok(false) if is_open_to_all(&path) => {
            let file = path.display();
            tracing::warn!(%file, "every user of this machine can read the token of the admin API: `chmod 600 {file}`");
        }
        Ok(false) => {}
        Err(error) => tracing::error!(
            file = %path.display(),
            error,
            "cannot make a token for the admin API, so that it takes no commands; `[server] state_dir` or `[admin] token_file` \
             says where it would be"
        ),
    }
}
