//! What a node must know of others before the first lookup: whether it lies below a cut or a DNAME, whether it has a
//! wildcard child, and how many children.

use super::shard::{NodeRef, flag};
use super::tree::Tree;
use crate::wire::NameKey;

impl Tree {
    /// Sets [`flag::COVERED`] and [`flag::WILDCARD_CHILD`] in all nodes of a new tree, and counts their children.
    pub fn link(&mut self) {
        let has_covers = self.nodes().any(|node| node.has(flag::CUT | flag::DNAME));
        let mut key = NameKey::default();
        let (mut updates, mut children) = (Vec::new(), Vec::new());
        for shard in 0..self.shard_count() {
            for slot in 0..self.slot_count(shard) {
                let Some(node) = self.node_at(shard, slot) else { continue };
                let is_wildcard = node.name().starts_with(b"\x01*");
                let is_deep = node.name().first().is_some_and(|&label| node.name().len() > 1 + usize::from(label));
                if !is_wildcard && !is_deep && !has_covers {
                    continue;
                }
                let apex_stripped = self.set_key(node, &mut key);
                if is_deep && let Some(parent) = self.place_of(&key, 1, apex_stripped) {
                    children.push(parent);
                }
                if is_wildcard && let Some(parent) = self.place_of(&key, 1, apex_stripped) {
                    updates.push((parent, flag::WILDCARD_CHILD));
                }
                let is_cover = |node: NodeRef<'_>| node.has(flag::CUT | flag::DNAME);
                let mut above = (1..=apex_stripped).filter_map(|stripped| self.find(&key, stripped, apex_stripped));
                if has_covers && above.any(is_cover) {
                    updates.push(((shard, slot), flag::COVERED));
                }
            }
            // Neither flag is read above, so that the order does not matter.
            for (place, flags) in updates.drain(..) {
                self.set_flags(place, flags);
            }
            for parent in children.drain(..) {
                self.add_child(parent);
            }
        }
        self.know_apex();
    }
}
