//! What fault tests stand on: real servers on free ports, a proxy that breaks connections, an oracle and a checker.

mod account;
pub mod mariadb;
pub mod postgres;
