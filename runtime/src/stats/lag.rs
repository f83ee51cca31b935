//! How long invalidations take from node to node.

use crate::plain::plain;

plain! {
    /// How long invalidations of other nodes took until they were applied here, in seconds: those of the last five
    /// minutes.
    ///
    /// Measured from when the log's server took one to when that server was asked again, all that was read before
    /// having been applied: by that server's clock alone, so clocks of nodes do not matter. Never too short, too long
    /// by a way over the network, and exact to about an eighth. Only a Redis says when it took an invalidation: of a
    /// log in SQL, and of nodes of older versions, none is counted. Redis is asked with `TIME`, which its user has to
    /// be allowed.
    #[derive(Debug, Clone, Copy, Default, PartialEq)]
    #[non_exhaustive]
    pub struct LagStats {
        /// How many were measured.
        pub count: u64,
        /// Half of them took at most this.
        pub p50: f64,
        /// 99 of a hundred.
        pub p99: f64,
        /// The longest.
        pub max: f64,
    }
}
