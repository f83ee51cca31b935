#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (hostile::target("record").run)(bytes));
