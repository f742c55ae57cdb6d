//! Reads `[server]`, `[geoip]` and `[admin]`. Knows no defaults of its own: what is not written stays as it is.

use super::transfer::address_of;
use super::{Spec, path, prefix, probe_address, socket};
use crate::base::Diagnostic;
use crate::config::keys::{admin, cookies, geoip, rate_limit, server, tcp};
use crate::config::reader::{Reader, Slot};
use crate::config::report::Report;
use crate::config::scalars::{boolean, duration, integer, parsed, size, text, text_or_none};
use crate::config::tree::{Node, Spanned};
use crate::config::values::{self, Wrong};
use crate::geo::spec::{DatabaseFile, LatencyFile};
use crate::snapshot::settings::RateLimit;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// Longest name of a network interface (`IFNAMSIZ`, less the NUL), in octets.
const INTERFACE_LEN_MAX: usize = 15;

/// Replaces a default with what was written.
fn set<T>(place: &mut T, written: Option<Spanned<T>>) {
    if let Some(written) = written {
        *place = written.value;
    }
}

impl Spec {
    pub(super) fn read_server(&mut self, reader: &mut Reader<'_, '_>, folder: &Path) {
        if let Some(listen) = reader.list(&server::LISTEN, socket) {
            if reader.is_empty_list(&server::LISTEN) {
                let message = format!("`{}` is empty, so that nothing would be answered", server::LISTEN.name);
                let hint = "remove it to listen on port 53 everywhere";
                reader.report.push(Diagnostic::error(message).at(listen.span, "").hint(hint));
            }
            self.server.listen = distinct_sockets(&listen, reader.report);
        }
        set(&mut self.server.workers, reader.one(&server::WORKERS, integer));
        if let Some(interfaces) = reader.list(&server::XDP, interface) {
            self.server.xdp = distinct_interfaces(&interfaces, reader.report);
        }
        self.transfers_max = reader.one(&server::TRANSFERS, integer).map(|transfers| transfers.value);
        set(&mut self.server.state_dir, path(reader, &server::STATE_DIR, folder));
        let user = reader.one(&server::USER, text);
        self.places.user = user.as_ref().map(|user| user.span);
        self.server.user = user.map(|user| user.value);
        set(&mut self.server.startup_grace, reader.one(&server::STARTUP_GRACE, duration));
        set(&mut self.server.hold, reader.one(&server::HOLD, duration));
        if let Some(resolvers) = reader.list(&server::RESOLVERS, probe_address) {
            self.server.resolvers = resolvers.value.into_iter().map(|resolver| address_of(resolver.value)).collect();
        }
        set(&mut self.server.watch, reader.one(&server::WATCH, boolean));
        set(&mut self.settings.udp_response_len_max, reader.one(&server::UDP_RESPONSE_MAX, size));
        let limits = &mut self.server.tcp;
        if let Some(mut table) = reader.table(&server::TCP, &tcp::TABLE) {
            let connections = table.one(&tcp::CONNECTIONS, integer);
            let per_client = table.one(&tcp::CONNECTIONS_PER_CLIENT, integer);
            if let (Some(all), Some(each)) = (&connections, &per_client)
                && each.value > all.value
            {
                let message = format!(
                    "`{}` is more than `{}`, so that it limits nothing",
                    tcp::CONNECTIONS_PER_CLIENT.name,
                    tcp::CONNECTIONS.name
                );
                table.report.push(Diagnostic::warning(message).at(each.span, "").at(all.span, ""));
            }
            set(&mut limits.connections, connections);
            set(&mut limits.connections_per_client, per_client);
            set(&mut limits.idle_timeout, table.one(&tcp::IDLE_TIMEOUT, duration));
        }
        for (place, key) in [
            (&mut self.settings.nsid, &server::NSID),
            (&mut self.settings.version, &server::VERSION),
            (&mut self.settings.identity, &server::IDENTITY),
        ] {
            let text = reader.one(key, text_or_none).and_then(|text| text.value);
            *place = text.map(|text| Arc::from(text.into_bytes()));
        }
        self.read_cookies(reader, folder);
        self.read_rate_limit(reader);
    }

    fn read_cookies(&mut self, reader: &mut Reader<'_, '_>, folder: &Path) {
        let Some(mut table) = reader.table(&server::COOKIES, &cookies::TABLE) else { return };
        let settings = &mut self.settings.cookies;
        let enabled = table.one(&cookies::ENABLED, boolean);
        let require_above = table.one(&cookies::REQUIRE_ABOVE, size);
        if let Some(most) = &require_above {
            let response_max = self.settings.udp_response_len_max;
            let why = if enabled.as_ref().is_some_and(|enabled| !enabled.value) {
                Some("cookies are not enabled".to_owned())
            } else if most.value >= response_max {
                Some(format!(
                    "no response over UDP is longer than {response_max} octets (`{}`)",
                    server::UDP_RESPONSE_MAX.name
                ))
            } else {
                None
            };
            if let Some(why) = why {
                let message = format!("`{}` has no effect: {why}", cookies::REQUIRE_ABOVE.name);
                table.report.push(Diagnostic::warning(message).at(most.span, ""));
            }
        }
        settings.require_above = require_above.map(|most| most.value);
        set(&mut settings.enabled, enabled);
        self.cookie_secrets = path(&mut table, &cookies::SECRET_FILE, folder);
    }

    fn read_rate_limit(&mut self, reader: &mut Reader<'_, '_>) {
        let Some(mut table) = reader.table(&server::RATE_LIMIT, &rate_limit::TABLE) else { return };
        let mut limit = std::mem::take(&mut self.settings.rate_limit);
        if let Some(responses) = table.one(&rate_limit::RESPONSES_PER_SECOND, integer) {
            limit = limit.with_responses_per_second(responses.value);
        }
        set(&mut limit.slip, table.one(&rate_limit::SLIP, integer));
        if let Some(exempt) = table.list(&rate_limit::EXEMPT, prefix) {
            limit.exempt = exempt.value.into_iter().map(|prefix| prefix.value).collect();
        }
        let prefix_v4 = table.one(&rate_limit::PREFIX_V4, integer).map_or(RateLimit::IPV4_PREFIX, |bits| bits.value);
        let prefix_v6 = table.one(&rate_limit::PREFIX_V6, integer).map_or(RateLimit::IPV6_PREFIX, |bits| bits.value);
        limit = limit.with_prefixes(prefix_v4, prefix_v6);
        set(&mut limit.table_size, table.one(&rate_limit::TABLE_SIZE, integer));
        self.settings.rate_limit = limit;
    }

    pub(super) fn read_geoip(&mut self, reader: &mut Reader<'_, '_>, folder: &Path) {
        let databases = reader.list(&geoip::DATABASES, text);
        for name in databases.into_iter().flat_map(|databases| databases.value) {
            let path = folder.join(&name.value);
            let earlier = self.databases.iter().find(|earlier| earlier.path == path).and_then(|earlier| earlier.span);
            if let Some(earlier) = earlier {
                let message = format!("`{}` is in `{}` twice", name.value, geoip::DATABASES.name);
                reader.report.push(Diagnostic::error(message).at(name.span, "").at(earlier, "first here"));
                continue;
            }
            self.databases.push(DatabaseFile { path, span: Some(name.span) });
        }
        let latencies = reader.list(&geoip::LATENCY, text);
        for name in latencies.into_iter().flat_map(|latencies| latencies.value) {
            let path = folder.join(&name.value);
            let earlier =
                self.latency_files.iter().find(|earlier| earlier.path == path).and_then(|earlier| earlier.span);
            if let Some(earlier) = earlier {
                let message = format!("`{}` is in `{}` twice", name.value, geoip::LATENCY.name);
                reader.report.push(Diagnostic::error(message).at(name.span, "").at(earlier, "first here"));
                continue;
            }
            self.latency_files.push(LatencyFile { path, span: Some(name.span) });
        }
        set(&mut self.settings.client_subnet, reader.one(&geoip::CLIENT_SUBNET, boolean));
    }

    pub(super) fn read_admin(&mut self, reader: &mut Reader<'_, '_>, folder: &Path) {
        if let Some(listen) = reader.one(&admin::LISTEN, socket_or_none) {
            self.admin.listen = listen.value;
            self.admin_listen = Some(listen.span);
        }
        self.admin.token_file = path(reader, &admin::TOKEN_FILE, folder).map(|file| file.value);
    }
}

/// Reads an address and port, or an empty text for none.
fn socket_or_none(report: &mut Report, slot: Slot, node: &Node) -> Option<Option<SocketAddr>> {
    parsed(report, slot, node, |text| match values::socket(text) {
        _ if text.is_empty() => Ok(None),
        Ok(socket) => Ok(Some(socket)),
        Err(wrong) => match text.trim_start_matches(':').parse::<u16>() {
            // Never suggest the whole world to be let in here.
            Ok(port) => Err(Wrong { hint: Some(format!("write \"127.0.0.1:{port}\"")), ..wrong }),
            Err(_) => Err(wrong),
        },
    })
}

/// Reads the name of a network interface.
fn interface(report: &mut Report, slot: Slot, node: &Node) -> Option<String> {
    let name = text(report, slot, node)?;
    let is_name = name.len() <= INTERFACE_LEN_MAX
        && !matches!(&*name, "." | "..")
        && name.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '/' | ':'));
    if !is_name {
        let message = format!("`{name}` is no name of a network interface");
        report.push(Diagnostic::error(message).at(node.span, "").hint("`ip link` shows their names"));
        return None;
    }
    Some(name)
}

fn distinct_interfaces(interfaces: &Spanned<Vec<Spanned<String>>>, report: &mut Report) -> Vec<String> {
    for (at, interface) in interfaces.value.iter().enumerate() {
        if let Some(earlier) = interfaces.value[..at].iter().find(|earlier| earlier.value == interface.value) {
            let message = format!("`{}` is in `{}` twice", interface.value, server::XDP.name);
            report.push(Diagnostic::error(message).at(interface.span, "").at(earlier.span, "first here"));
        }
    }
    interfaces.value.iter().map(|interface| interface.value.clone()).collect()
}

fn distinct_sockets(listen: &Spanned<Vec<Spanned<SocketAddr>>>, report: &mut Report) -> Vec<SocketAddr> {
    for (at, socket) in listen.value.iter().enumerate() {
        // Port 0 asks the system for any free port, so that it may stand twice.
        let earlier =
            listen.value[..at].iter().find(|earlier| earlier.value == socket.value && socket.value.port() != 0);
        if let Some(earlier) = earlier {
            let message = format!("`{}` is in `{}` twice", socket.value, server::LISTEN.name);
            report.push(Diagnostic::error(message).at(socket.span, "").at(earlier.span, "first here"));
        }
    }
    listen.value.iter().map(|socket| socket.value).collect()
}
