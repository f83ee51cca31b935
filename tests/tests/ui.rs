//! What the attributes say to those who misuse them, and that they leave good code alone.

#[test]
fn one_mistake_is_one_error_on_the_users_word() {
    let t = trybuild::TestCases::new();
    t.pass("tests/ui/pass/*.rs");
}
