//! What is written from the types: a file to begin with, the schema, and the pages of the reference.

mod default_file;
mod environment_page;
mod schema;
mod settings_page;

pub use default_file::default_file;
pub use environment_page::environment_page;
pub use schema::schema;
pub use settings_page::settings_page;
