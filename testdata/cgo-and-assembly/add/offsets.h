#define FIRST 8
