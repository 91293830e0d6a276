#include "peer/key_questions.hpp"

#include <algorithm>

#include "common/base64.hpp"
#include "common/take_front.hpp"

namespace peer {

using common::TimePoint;
using common::unexpected;
using sealed::Admission;
using sealed::Messenger;
using sealed::PinGate;

std::optional<common::Certificate> certificate_of(const common::User& user) {
  if (!user.certificate) return std::nullopt;
  const auto bytes = common::decode_base64(*user.certificate);
  if (!bytes) return std::nullopt;
  auto certificate = common::decode_certificate(*bytes);
  if (!certificate || !(certificate->name == user.name)) return std::nullopt;
  return *std::move(certificate);
}

void KeyQuestions::doubt(TimePoint now, common::Certificate stranger) {
  const auto is_same = [&](const common::Certificate& other) {
    return other.name == stranger.name && other.identity == stranger.identity;
  };
  const bool is_known =
      (asked_ && asked_->stranger && is_same(*asked_->stranger)) ||
      std::any_of(strangers_.begin(), strangers_.end(),
                  [&](const Stranger& other) { return is_same(other.certificate); });
  if (is_known) return;
  if (strangers_.size() == kStrangersMax) strangers_.pop_front();
  strangers_.push_back({std::move(stranger), now});
}

// By turns: strangers may be as many as they like, and messages have their time.
std::optional<common::UserName> KeyQuestions::poll(TimePoint now) {
  if (asked_) return std::nullopt;
  if (!names_.empty() && (is_names_turn_ || strangers_.empty())) {
    asked_ = Asked{std::move(names_.front()), std::nullopt, now};
    names_.pop_front();
    is_names_turn_ = false;
  } else if (!strangers_.empty()) {
    const common::Certificate& stranger = strangers_.front().certificate;
    asked_ = Asked{stranger.name, stranger, now};
    is_names_turn_ = true;
  } else {
    return std::nullopt;
  }
  return asked_->name;
}

void KeyQuestions::handle_answer(TimePoint now, const LookupOutcome* outcome) {
  ENSURE(asked_.has_value());
  const Asked asked = *std::exchange(asked_, std::nullopt);
  if (!asked.stranger) return use(now, asked.name, outcome);
  const bool is_waiting = std::erase_if(strangers_, [&](const Stranger& other) {
                            return other.certificate.name == asked.name &&
                                   other.certificate.identity == asked.stranger->identity;
                          }) > 0;
  auto word = PinGate::Word::kNone;
  if (outcome != nullptr && std::holds_alternative<NotFound>(*outcome)) {
    word = PinGate::Word::kUnknown;
  } else if (const auto* user = outcome == nullptr ? nullptr : std::get_if<common::User>(outcome)) {
    const auto certificate = certificate_of(*user);
    word = !certificate                                        ? PinGate::Word::kNoKey
           : certificate->identity == asked.stranger->identity ? PinGate::Word::kSameKey
                                                               : PinGate::Word::kOtherKey;
  }
  if (is_waiting) return decide(now, *asked.stranger, word);
  // One who waits no more was let in without this word; it still tells whose the name is, and if
  // it is not his he goes.
  const Admission admission = gate_.decide(*asked.stranger, word);
  if (admission != Admission::kAsk)
    messenger_.handle_admission(now, asked.stranger->name, asked.stranger->identity, admission);
}

void KeyQuestions::use(TimePoint now, const common::UserName& name, const LookupOutcome* outcome) {
  if (outcome != nullptr && std::holds_alternative<NotFound>(*outcome))
    return messenger_.handle_lookup(now, name, unexpected{Messenger::NotFound::kUnknown});
  if (const auto* user = outcome == nullptr ? nullptr : std::get_if<common::User>(outcome))
    return tell(now, *user);
  messenger_.handle_lookup(now, name, unexpected{Messenger::NotFound::kUnavailable});
}

void KeyQuestions::tell(TimePoint now, const common::User& user) {
  auto certificate = certificate_of(user);
  if (!certificate) {
    return messenger_.handle_lookup(now, user.name,
                                    unexpected{user.certificate ? Messenger::NotFound::kUnavailable
                                                                : Messenger::NotFound::kNoKey});
  }
  // An answer may come behind one to a later question, and be older: that is no lie, and no news.
  if (gate_.refuses_as_stale(*certificate))
    return messenger_.handle_lookup(now, user.name, unexpected{Messenger::NotFound::kUnavailable});
  messenger_.handle_lookup(now, user.name,
                           Messenger::Found{*std::move(certificate), user.endpoint});
}

void KeyQuestions::decide(TimePoint now, const common::Certificate& stranger, PinGate::Word word) {
  const Admission admission = gate_.decide(stranger, word);
  if (admission != Admission::kAsk)
    return messenger_.handle_admission(now, stranger.name, stranger.identity, admission);
  if (for_person_.size() == kStrangersMax) for_person_.pop_front();
  for_person_.push_back(stranger);
}

// security: only a registry that does not answer lets anybody in. Who merely waits behind other
// strangers' questions, which anybody can cause, goes on waiting.
void KeyQuestions::handle_timeout(TimePoint now) {
  if (!asked_ || now < asked_->put_at + kStrangerTime) return;
  while (!strangers_.empty() && now >= strangers_.front().since + kStrangerTime) {
    const Stranger stranger = std::move(strangers_.front());
    strangers_.pop_front();
    decide(now, stranger.certificate, PinGate::Word::kNone);
  }
}

std::optional<TimePoint> KeyQuestions::next_timeout() const {
  if (strangers_.empty() || !asked_) return std::nullopt;
  return std::max(strangers_.front().since, asked_->put_at) + kStrangerTime;
}

std::optional<common::Certificate> KeyQuestions::poll_person() {
  return common::take_front(for_person_);
}

void KeyQuestions::handle_judgement(TimePoint now, const common::Certificate& stranger,
                                    bool is_trusted) {
  messenger_.handle_admission(now, stranger.name, stranger.identity,
                              is_trusted ? gate_.accept(stranger) : Admission::kNotTrusted);
}

}  // namespace peer
