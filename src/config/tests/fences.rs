//! A fence must not make the existence of a type depend on who asks.

use super::load_text;
use crate::base::Severity;

const US4: &str = "{ region = \"us\", address = \"192.0.2.1\" }";
const US6: &str = "{ region = \"us\", address = \"2001:db8::1\" }";
const EU4: &str = "{ region = \"eu\", address = \"192.0.2.2\" }";
const EU6: &str = "{ region = \"eu\", address = \"2001:db8::2\" }";
const EU4_OFF: &str = "{ region = \"eu\", address = \"192.0.2.2\", enabled = false }";
const US_NAME: &str = "{ region = \"us\", cname = \"us.example.net.\" }";
const EU_NAME: &str = "{ region = \"eu\", cname = \"eu.example.net.\" }";

/// The errors of a pool with these members, used with a policy whose rule has this fence.
fn errors(members: &[&str], policy: &str, fence: &str) -> Vec<String> {
    let text = format!(
        "[region.us]\ncoordinates = [39.0, -77.5]\n[region.eu]\ncoordinates = [53.3, -6.3]\n\
         [pool.web]\nmembers = [{}]\n[policy.p]\n{policy}\n[[policy.p.rule]]\nmatch = {{ continent = \"EU\" }}\n{fence}\n\
         [zone.\"example.com\"]\nfile = \"z\"\nbalance.www = {{ pool = \"web\", policy = \"p\" }}\n\
         balance.api = {{ pool = \"web\", policy = \"p\" }}\n",
        members.join(", ")
    );
    let loaded = load_text(&text);
    let of_fences = |diagnostic: &&crate::base::Diagnostic| diagnostic.message.contains("would depend on the client");
    for diagnostic in loaded.diagnostics.iter().filter(of_fences) {
        assert_eq!((diagnostic.severity, diagnostic.places.len()), (Severity::Error, 2), "{}", loaded.rendered());
        assert!(!diagnostic.hints.is_empty() && loaded.config.is_none());
    }
    loaded.messages(Severity::Error).into_iter().map(str::to_owned).collect()
}

const EU: &str = "regions = [\"eu\"]";

#[test]
fn a_fence_without_a_family_that_others_get_is_refused_once() {
    for (members, told) in [
        (&[US4][..], "no enabled IPv4 members"),
        (&[US4, US6, EU4], "no enabled IPv6 members"),
        (&[US4, US6], "no enabled IPv4 and IPv6 members"),
        (&[US4, EU6], "no enabled IPv4 members"),
        (&[US4, EU4_OFF], "no enabled IPv4 members"),
        (&[US_NAME], "no enabled named members"),
    ] {
        let errors = errors(members, "", EU);
        assert!(errors.len() == 1 && errors[0].contains(told), "{members:?}: {errors:?}");
    }
}

#[test]
fn a_fence_with_all_that_others_get_is_fine() {
    for members in [&[US4, EU4][..], &[US4, US6, EU4, EU6], &[EU4, EU6], &[US4, EU4, EU6], &[US_NAME, EU_NAME]] {
        assert_eq!(errors(members, "", EU), [""; 0], "{members:?}");
    }
    // Nobody is ever answered from a region outside the policy's.
    assert_eq!(errors(&[US4, US6, EU4], "regions = [\"eu\"]", EU), [""; 0]);
    // A preference keeps nothing out.
    assert_eq!(errors(&[US4, US6], "", "prefer = [\"eu\"]"), [""; 0]);
}

#[test]
fn a_fence_of_what_could_not_be_read_is_not_judged() {
    let typo = "{ region = \"eu\", address = \"192.0.2.300\" }";
    for (members, policy, fence) in
        [(&[US4, typo][..], "", EU), (&[US4, EU4], "", "regions = [\"ue\"]"), (&[US4, EU4], "regions = [\"ue\"]", EU)]
    {
        let errors = errors(members, policy, fence);
        assert!(!errors.iter().any(|error| error.contains("depend on the client")), "{errors:?}");
    }
}
