// One HTTP answer read strictly from its bytes, for tests of what we send.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fuzz {

struct HttpAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;

  /// The value of the only field of that name, compared without case; empty if there is none.
  /// Aborts if there are several.
  std::string field(std::string_view name) const;
};

/// Aborts unless `bytes` are exactly one well-formed answer to `method`, to the last byte: its
/// Content-Length is there once and right, and no line has a control character.
HttpAnswer ensure_one_answer(std::string_view bytes, std::string_view method);

}  // namespace fuzz
