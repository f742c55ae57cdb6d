//! Indexes into the lists of one configuration, in configured order. An id means nothing in another generation: what
//! crosses a reload is named, never numbered.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($of:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $of);

        impl $name {
            /// This id as an index into the list it numbers.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(
    /// A region, by its place in the configured order.
    RegionId(u16)
);
id!(
    /// A pool, by its place in the configured order.
    PoolId(u32)
);
id!(
    /// A policy, by its place in the configured order; the unnamed `closest`, `listed` and `any` come first.
    PolicyId(u32)
);
id!(
    /// A monitor, by its place in the configured order.
    MonitorId(u32)
);
