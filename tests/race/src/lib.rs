//! Two compositions with two data folders, each with its own record of the same release, at one staging machine: the engine,
//! the record on disk and the real job verbs on a real shell. The rest of production is the World in process, which stands
//! still. Whatever the two do at once, one migration starts, and the other one is told who holds the environment.

pub mod computer;
pub mod machine;
pub mod race;
pub mod scene;
