//! Entry point. Everything else is in the library, where tests can reach it.

fn main() -> std::process::ExitCode {
    veris::main()
}
