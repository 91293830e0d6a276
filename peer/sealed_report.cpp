#include "peer/sealed_report.hpp"

#include <fmt/format.h>

#include "peer/received.hpp"

namespace peer {
namespace {

using common::ExitStatus;
using sealed::Messenger;
using AlarmKind = sealed::PinGate::Alarm::Kind;

/// What a recipient's hook made of a message.
void describe_handled(const Messenger::Outcome& outcome, Delivery& delivery) {
  delivery.level = DeliveryLevel::kHandled;
  delivery.output = common::as_text(outcome.output);
  constexpr int kSignalled = 128;
  switch (outcome.handled) {
    case sealed::HandledResult::kShown:  // not of a message for a hook
      return;
    case sealed::HandledResult::kExited:
      delivery.hook_status = outcome.status;
      if (outcome.status != 0)
        delivery.reason = fmt::format("the hook's exit status is {}", outcome.status);
      return;
    case sealed::HandledResult::kKilled:
      delivery.hook_status = kSignalled + outcome.status;
      delivery.reason = fmt::format("the hook was killed by signal {}", outcome.status);
      return;
    case sealed::HandledResult::kTimedOut:
      delivery.hook_status = static_cast<int>(ExitStatus::kTimedOut);
      delivery.reason = "the hook took too long and was killed";
      return;
    case sealed::HandledResult::kNotRun:
      delivery.status = ExitStatus::kTemporary;
      delivery.reason = "no hook took it";
      return;
  }
}

std::string_view trust_of(const sealed::PinGate& pins, const common::UserName& name) {
  const sealed::Pin* pin = pins.find(name);
  if (pin == nullptr) return {};
  if (pin->is_verified) return "verified";
  return pins.is_new(name) ? "new" : "known";
}

}  // namespace

std::string trust_command(const KeyContext& context, const common::UserName& name,
                          const common::IdentityKey& identity) {
  return fmt::format("peer {} {} trust {} {}", context.self, context.registry, name.text(),
                     common::format_fingerprint(identity));
}

Delivery describe(const Messenger::Outcome& outcome, const sealed::PinGate& pins,
                  common::Duration timeout) {
  Delivery delivery{.has_arrived = outcome.is_delivered, .id = format_message_id(outcome.id)};
  if (outcome.path.port != 0) delivery.path = common::format_endpoint(outcome.path);
  delivery.trust = trust_of(pins, *common::UserName::parse(outcome.to));
  if (outcome.is_delivered) delivery.round_trip = outcome.elapsed;
  const auto fail = [&](ExitStatus status, std::string reason) {
    delivery.status = status;
    delivery.reason = std::move(reason);
  };
  switch (outcome.result) {
    case Messenger::Result::kDelivered:
      break;
    case Messenger::Result::kHandled:
      describe_handled(outcome, delivery);
      break;
    case Messenger::Result::kNotAcknowledged:
      fail(ExitStatus::kTemporary,
           fmt::format("{} within {:g} s",
                       !outcome.is_delivered                ? "not acknowledged"
                       : sealed::wants_hook(outcome.wanted) ? "no hook gave an answer"
                                                            : "no signed receipt came",
                       std::chrono::duration<double>(timeout).count()));
      break;
    case Messenger::Result::kKeyChanged:
      fail(ExitStatus::kRefused, "one side knows the other by another key");
      break;
    case Messenger::Result::kNotTrusted:
      fail(ExitStatus::kRefused, "strangers are refused");
      break;
    case Messenger::Result::kUnreachable:
      fail(ExitStatus::kTemporary, "not to be reached any more");
      break;
    case Messenger::Result::kNoKey:
      fail(ExitStatus::kRefused, "the registry shows no key of this name any more");
      break;
  }
  return delivery;
}

std::string describe(const sealed::PinGate::Alarm& alarm, const KeyContext& context) {
  const std::string& name = alarm.name.text();
  const std::string fingerprint = common::format_fingerprint(alarm.identity);
  const std::string command = trust_command(context, alarm.name, alarm.identity);
  switch (alarm.kind) {
    case AlarmKind::kKeyChanged:
      return fmt::format(
          "the key of {} has changed: nothing goes to, or comes from, who says so\n"
          "  The new key is {}. If {} confirms that by another way:\n  {}",
          name, fingerprint, name, command);
    case AlarmKind::kUnreadable:
      return fmt::format(
          "the line for {} in {} cannot be read\n  Mend it, or, for the key {}:\n  {}", name,
          context.known_peers_path, fingerprint, command);
    case AlarmKind::kStranger:
      return fmt::format(
          "{} is not known here, and strangers are refused (--trust strict)\n"
          "  The key is {}. To let it in:\n  {}",
          name, fingerprint, command);
    case AlarmKind::kNotHis:
      return fmt::format("somebody comes as {}, whom the registry knows otherwise: refused", name);
    case AlarmKind::kStale:
      return fmt::format("the registry shows an old certificate of {}: not used", name);
    case AlarmKind::kNoRoom:
      return fmt::format("{} holds as many names as it may: {} is refused",
                         context.known_peers_path, name);
  }
  return {};
}

std::string describe_stranger(const common::Certificate& stranger, const KeyContext& context) {
  return fmt::format("{} is new here, with the key {}\n  To let it in:\n  {}", stranger.name.text(),
                     common::format_fingerprint(stranger.identity),
                     trust_command(context, stranger.name, stranger.identity));
}

}  // namespace peer
