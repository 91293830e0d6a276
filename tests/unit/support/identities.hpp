// The two who sign in tests of keys, as docs/protocol/sealed-datagram.md has them under "Vectors".
#pragma once

#include "common/identity.hpp"
#include "tests/unit/support/hex.hpp"

namespace test {

inline const common::Identity kAlice = common::Identity::from_seed(common::Secret(repeated(0xa1)));
inline const common::Identity kBob = common::Identity::from_seed(common::Secret(repeated(0xb1)));

}  // namespace test
