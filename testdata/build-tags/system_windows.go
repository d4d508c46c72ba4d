package main

const system = "windows"
