CREATE TABLE carts (
    owner TEXT REFERENCES users (name),
    item  TEXT NOT NULL,
    count INTEGER NOT NULL
);
