//! Good code compiles without a warning, whatever its author calls things: every file of `ui/pass` denies all warnings,
//! and its `main` asserts what the attributes made of it.
#![allow(unreachable_pub, reason = "the files are crates of their own, seen from within")]

#[path = "ui/pass/attributes.rs"]
mod attributes;
#[path = "ui/pass/basic.rs"]
mod basic;
#[path = "ui/pass/key_part.rs"]
mod key_part;
#[path = "ui/pass/methods.rs"]
mod methods;
#[path = "ui/pass/nested.rs"]
mod nested;
#[path = "ui/pass/read_part.rs"]
mod read_part;
#[path = "ui/pass/renamed.rs"]
mod renamed;
#[path = "ui/pass/shadowing.rs"]
mod shadowing;

#[test]
fn the_users_attributes_survive() {
    attributes::main();
}

#[test]
fn the_first_page_of_the_manual_compiles() {
    basic::main();
}

#[test]
fn types_of_the_user_are_key_parts() {
    key_part::main();
}

#[test]
fn types_of_the_user_are_read_back_out_of_keys() {
    read_part::main();
}

#[test]
fn methods_of_all_receivers_are_cached() {
    methods::main();
}

#[test]
fn functions_stand_anywhere_and_return_anyhow() {
    nested::main();
}

#[test]
fn the_runtime_can_have_another_name() {
    renamed::main();
}

#[test]
fn no_name_of_the_user_stands_in_the_way() {
    shadowing::main();
}
