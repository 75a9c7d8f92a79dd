//! mbed turns texts into embedding vectors on whatever hardware is there.
