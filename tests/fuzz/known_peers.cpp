// Any text as the file of pins: what is written again means the same, and a line that cannot be
// read never makes its name a new one.
#include "peer/sealed/known_peers.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "tests/fuzz/support/input.hpp"

namespace {

using common::IdentityKey;
using common::UserName;
using peer::sealed::KnownPeers;
using peer::sealed::Pin;
using peer::sealed::Trust;

struct Subject {
  std::string registry;
  UserName name;
};

/// Whom the lines are about, by a reading of its own: the first two words of each.
std::vector<Subject> subjects_of(std::string_view text) {
  std::vector<Subject> subjects;
  while (!text.empty()) {
    std::string_view line = fuzz::take_line(text);
    if (line.empty() || line[0] == '#') continue;
    const auto first = line.find(' ');
    if (first == std::string_view::npos) continue;
    const std::string_view rest = line.substr(first + 1);
    auto name = UserName::parse(rest.substr(0, rest.find(' ')));
    if (name) subjects.push_back({std::string(line.substr(0, first)), *std::move(name)});
  }
  return subjects;
}

std::vector<std::size_t> numbers_of(const KnownPeers::Parsed& parsed) {
  std::vector<std::size_t> numbers;
  for (const auto& bad : parsed.bad_lines) numbers.push_back(bad.number);
  return numbers;
}

void check_same(const KnownPeers& one, const KnownPeers& other, const Subject& subject) {
  const Pin* pin = one.find(subject.registry, subject.name);
  const Pin* again = other.find(subject.registry, subject.name);
  ENSURE((pin == nullptr) == (again == nullptr));
  const IdentityKey key = pin != nullptr ? pin->identity : IdentityKey{};
  ENSURE(one.judge(subject.registry, subject.name, key) ==
         other.judge(subject.registry, subject.name, key));
  if (pin == nullptr) return;
  ENSURE(pin->identity == again->identity && pin->name.text() == again->name.text());
  ENSURE(pin->serial == again->serial && pin->first_seen_s == again->first_seen_s);
  ENSURE(pin->is_verified == again->is_verified);
}

/// A person's word makes a name readable, and nothing else changes.
void check_trust(KnownPeers peers, const Subject& subject) {
  const std::size_t before = peers.size();
  const bool was_pinned = peers.find(subject.registry, subject.name) != nullptr;
  IdentityKey key;
  key.bytes.fill(std::byte{7});
  if (!peers.trust({.registry = subject.registry, .name = subject.name, .identity = key})) return;
  ENSURE(peers.size() == before + (was_pinned ? 0 : 1));
  const auto parsed = KnownPeers::parse(peers.format());
  ENSURE(parsed.peers.judge(subject.registry, subject.name, key) == Trust::kVerified);
  ENSURE(parsed.peers.format() == peers.format());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::as_input(data, size);
  const auto parsed = KnownPeers::parse(text);
  const std::string written = parsed.peers.format();
  const auto again = KnownPeers::parse(written);
  ENSURE(again.peers.format() == written);
  ENSURE(again.peers.size() == parsed.peers.size());
  ENSURE(again.bad_lines.size() <= parsed.bad_lines.size() + parsed.peers.size());
  ENSURE(std::is_sorted(parsed.bad_lines.begin(), parsed.bad_lines.end(),
                        [](const auto& a, const auto& b) { return a.number < b.number; }));
  ENSURE(numbers_of(KnownPeers::parse(text)) == numbers_of(parsed));
  for (const Subject& subject : subjects_of(text)) {
    check_same(parsed.peers, again.peers, subject);
    // security: whoever has a line, whole or damaged, is not met for the first time.
    ENSURE(parsed.peers.judge(subject.registry, subject.name, IdentityKey{}) != Trust::kFirstUse);
    check_trust(parsed.peers, subject);
  }
  return 0;
}
