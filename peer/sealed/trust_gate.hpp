// The question whether a key may speak for a name, as sessions ask it. Who answers keeps pins (and
// may ask a person); it must not call back.
#pragma once

#include "common/certificate.hpp"

namespace peer::sealed {

enum class Admission {
  kYes,
  kKeyChanged,  // the name is pinned to another key
  kNotTrusted,  // a stranger, and strangers are not welcome
  kAsk,         // a person is to be asked; until then nothing is sent or shown
};

class TrustGate {
 public:
  virtual ~TrustGate() = default;

  /// Whether the certificate's identity is who its name says. May pin it. `is_from_directory`: the
  /// registry gave it to us, else the owner himself did.
  virtual Admission admit(const common::Certificate& certificate, bool is_from_directory) = 0;
};

}  // namespace peer::sealed
