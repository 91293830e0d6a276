// What the programs' exit statuses mean; sysexits.h where it has one. README.md has the table.
#pragma once

namespace common {

enum class ExitStatus : int {
  kOk = 0,
  kSomeMissed = 1,      // some recipients missed
  kUsage = 64,          // wrong command line
  kBadInput = 65,       // a malformed line on standard input
  kNoUser = 67,         // nobody of that name
  kUnavailable = 69,    // registry unreachable; port in use
  kOutput = 74,         // standard output is closed
  kTemporary = 75,      // not acknowledged in time, or the network refused: try again
  kProtocol = 76,       // the other side broke, or does not speak, the protocol
  kRefused = 77,        // name taken
  kConfiguration = 78,  // the set-up on this machine is wrong
  kTimedOut = 124,      // -W ran out
  kHungUp = 129,        // SIGHUP
  kInterrupted = 130,   // SIGINT
  kTerminated = 143,    // SIGTERM
};

}  // namespace common
