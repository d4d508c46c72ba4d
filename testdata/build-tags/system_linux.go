package main

const system = "linux"
