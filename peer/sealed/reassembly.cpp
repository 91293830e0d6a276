#include "peer/sealed/reassembly.hpp"

#include <algorithm>

#include "common/check.hpp"

namespace peer::sealed {

Reassembly::Reassembly(const Fragment& first)
    : kind_(first.kind),
      level_(first.level),
      id_(first.id),
      body_(first.total),
      missing_(~std::uint64_t{0} >> (kFragmentsMax - fragment_count(first.total))) {
  ENSURE(add(first));
}

bool Reassembly::add(const Fragment& fragment) {
  if (fragment.total != body_.size() || fragment.id != id_ || fragment.kind != kind_ ||
      fragment.level != level_)
    return false;
  const std::uint64_t bit = std::uint64_t{1} << fragment.index;
  missing_ &= ~bit;
  std::copy(fragment.bytes.begin(), fragment.bytes.end(),
            body_.begin() + static_cast<std::ptrdiff_t>(fragment.index * kFragmentBytes));
  return true;
}

common::Bytes Reassembly::body() const {
  ENSURE(is_complete());
  return body_;
}

}  // namespace peer::sealed
