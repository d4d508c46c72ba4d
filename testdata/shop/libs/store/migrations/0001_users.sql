CREATE TABLE users (
    name     TEXT PRIMARY KEY,
    password BLOB NOT NULL
);
