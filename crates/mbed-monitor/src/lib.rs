//! What this process and this machine use: memory and cores.
