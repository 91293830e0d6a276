#include "peer/sealed/pin_gate.hpp"

#include <algorithm>

namespace peer::sealed {

Admission PinGate::admit(const common::Certificate& certificate, bool is_from_directory) {
  if (const auto settled = settle(certificate, is_from_directory)) return *settled;
  if (!is_from_directory && mode_ == TrustMode::kNew) {
    const auto it = let_in_.find(certificate.name.key());
    // A clock that jumps makes a question more, or one less for a while.
    if (it != let_in_.end() && it->second.identity == certificate.identity &&
        now_.unix_ms - it->second.since.unix_ms < kLetInMs)
      return Admission::kYes;
  }
  if (mode_ == TrustMode::kAsk || !is_from_directory) return Admission::kAsk;
  return pin(certificate, true);
}

std::optional<Admission> PinGate::settle(const common::Certificate& certificate,
                                         bool is_from_directory) {
  const common::UserName& name = certificate.name;
  switch (judge(name, certificate.identity)) {
    case Trust::kChanged:
      return refuse(Alarm::Kind::kKeyChanged, certificate);
    case Trust::kUnreadable:
      return refuse(Alarm::Kind::kUnreadable, certificate);
    case Trust::kMatch:
    case Trust::kVerified:
      if (!is_from_directory) return Admission::kYes;
      if (refuses_as_stale(certificate)) return Admission::kNotTrusted;
      if (peers_.raise_serial(registry_, name, certificate.serial))
        changes_.push_back(*peers_.find(registry_, name));
      return Admission::kYes;
    case Trust::kFirstUse:
      break;
  }
  if (mode_ == TrustMode::kStrict) return refuse(Alarm::Kind::kStranger, certificate);
  return std::nullopt;
}

Admission PinGate::decide(const common::Certificate& certificate, Word word) {
  // Meanwhile the name may have got a pin by another way.
  if (const auto settled = settle(certificate, false)) return *settled;
  switch (word) {
    case Word::kOtherKey:
    case Word::kNoKey:
      let_in_.erase(certificate.name.key());
      return refuse(Alarm::Kind::kNotHis, certificate);
    case Word::kNone:
      if (mode_ == TrustMode::kAsk) return Admission::kAsk;
      return let_in(certificate);
    case Word::kSameKey:
    case Word::kUnknown:
      break;
  }
  if (mode_ == TrustMode::kAsk) return Admission::kAsk;
  if (word == Word::kUnknown && peers_.unvouched() >= kUnvouchedMax) return let_in(certificate);
  return pin(certificate, false);
}

Admission PinGate::let_in(const common::Certificate& certificate) {
  if (let_in_.size() >= kLetInMax && !let_in_.contains(certificate.name.key())) {
    // The oldest: names, which strangers choose, have no say in it.
    let_in_.erase(std::min_element(
        let_in_.begin(), let_in_.end(),
        [](const auto& a, const auto& b) { return a.second.since < b.second.since; }));
  }
  let_in_.insert_or_assign(certificate.name.key(), LetIn{certificate.identity, now_});
  return Admission::kYes;
}

bool PinGate::refuses_as_stale(const common::Certificate& certificate) {
  const Trust trust = judge(certificate.name, certificate.identity);
  const bool is_stale = (trust == Trust::kMatch || trust == Trust::kVerified) &&
                        peers_.is_stale(registry_, certificate.name, certificate.serial);
  if (is_stale) static_cast<void>(refuse(Alarm::Kind::kStale, certificate));
  return is_stale;
}

Admission PinGate::accept(const common::Certificate& certificate) {
  const Trust trust = judge(certificate.name, certificate.identity);
  if (trust == Trust::kMatch || trust == Trust::kVerified) return Admission::kYes;
  if (trust != Trust::kFirstUse) return refuse(Alarm::Kind::kKeyChanged, certificate);
  return pin(certificate, false);
}

bool PinGate::has_pin(const common::UserName& name) const {
  // A line that cannot be read may have been one.
  return peers_.judge(registry_, name, common::IdentityKey{}) != Trust::kFirstUse;
}

// security: the serial counts only from a directory; one that somebody sent could be far ahead, and
// every certificate of the directory's would then look old.
Admission PinGate::pin(const common::Certificate& certificate, bool is_from_directory) {
  const std::int64_t seen = now_.unix_ms / 1000;
  Pin pin{.registry = registry_,
          .name = certificate.name,
          .identity = certificate.identity,
          .serial = is_from_directory ? certificate.serial : 0,
          .first_seen_s = static_cast<std::uint64_t>(std::max<std::int64_t>(seen, 0))};
  if (!peers_.pin(pin)) return refuse(Alarm::Kind::kNoRoom, certificate);
  new_.insert(certificate.name.key());
  changes_.push_back(std::move(pin));
  return Admission::kYes;
}

Admission PinGate::refuse(Alarm::Kind kind, const common::Certificate& certificate) {
  if (is_new_alarm(kind, certificate))
    alarms_.push_back({kind, certificate.name, certificate.identity});
  switch (kind) {
    case Alarm::Kind::kKeyChanged:
    case Alarm::Kind::kUnreadable:
    case Alarm::Kind::kNotHis:
      return Admission::kKeyChanged;
    default:
      return Admission::kNotTrusted;
  }
}

// security: what strangers can make as much of as they like silences nothing but itself.
bool PinGate::is_new_alarm(Alarm::Kind kind, const common::Certificate& certificate) {
  const std::string& key = certificate.name.key();
  if (kind == Alarm::Kind::kKeyChanged || kind == Alarm::Kind::kUnreadable) {
    auto& told = changed_alarms_[key];  // as many names as there are pins
    return told.size() < kChangesToldMax && told.insert(certificate.identity).second;
  }
  auto& told = other_alarms_[kind];
  return told.size() < kAlarmsMax && told.insert(key).second;
}

std::optional<PinGate::Alarm> PinGate::poll_alarm() {
  if (alarms_.empty()) return std::nullopt;
  Alarm alarm = std::move(alarms_.front());
  alarms_.pop_front();
  return alarm;
}

}  // namespace peer::sealed
