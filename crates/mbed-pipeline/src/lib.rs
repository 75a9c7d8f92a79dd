//! Files in and files out: records with their columns, read in windows and written whole or not at all.
