package server

import "os"

var stopSignals = []os.Signal{os.Interrupt}
