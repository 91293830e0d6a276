// What the registry is asked about keys, one question at a time: where the user of a name is, for
// messages to him; and whose a name is, when a stranger comes under it. A core: who asks is the
// shell's business (peer/shell/sealed_end.hpp).
#pragma once

#include <deque>
#include <optional>

#include "common/certificate.hpp"
#include "common/user.hpp"
#include "peer/registry_protocol.hpp"
#include "peer/sealed/messenger.hpp"
#include "peer/sealed/pin_gate.hpp"

namespace peer {

/// The certificate that a registry shows of a user, verified; nothing if he has none, or one that
/// does not verify or is another name's.
std::optional<common::Certificate> certificate_of(const common::User& user);

class KeyQuestions {
 public:
  /// How long the registry may take to say who a stranger is: less than senders wait.
  static constexpr common::Duration kStrangerTime = std::chrono::seconds(1);
  /// It is counted from when a question is put: who waits for others' questions waits on.
  /// Strangers who wait, as many as handshakes that wait; of more the oldest is forgotten
  /// as his handshake is, and has to come again.
  static constexpr std::size_t kStrangersMax = sealed::SessionTable::kWaitingHandshakesMax;

  /// Both outlive it.
  KeyQuestions(sealed::PinGate& gate, sealed::Messenger& messenger)
      : gate_(gate), messenger_(messenger) {}

  /// The messenger wants to know where this name is.
  void want(const common::UserName& name) { names_.push_back(name); }
  /// The messenger does not know whether this key may speak for its name.
  void doubt(common::TimePoint now, common::Certificate stranger);
  /// What the registry has just said of a user, whom it was asked about for another reason.
  void tell(common::TimePoint now, const common::User& user);

  /// Ask the registry about this name, then call handle_answer. Nothing while an answer is awaited.
  std::optional<common::UserName> poll(common::TimePoint now);
  /// Whom the question under way is about; null if there is none.
  const common::UserName* asked_about() const { return asked_ ? &asked_->name : nullptr; }
  /// `outcome`: null if there was none.
  void handle_answer(common::TimePoint now, const LookupOutcome* outcome);
  /// Whatever the registry does, what is shown must not depend on its being up.
  void handle_timeout(common::TimePoint now);
  std::optional<common::TimePoint> next_timeout() const;

  /// A stranger whom a person is to judge (TrustMode::kAsk), then call handle_judgement.
  std::optional<common::Certificate> poll_person();
  void handle_judgement(common::TimePoint now, const common::Certificate& stranger,
                        bool is_trusted);

 private:
  struct Stranger {
    common::Certificate certificate;
    common::TimePoint since;
  };
  /// The question under way.
  struct Asked {
    common::UserName name;
    std::optional<common::Certificate> stranger;
    common::TimePoint put_at;
  };

  void use(common::TimePoint now, const common::UserName& name, const LookupOutcome* outcome);
  void decide(common::TimePoint now, const common::Certificate& stranger,
              sealed::PinGate::Word word);

  sealed::PinGate& gate_;
  sealed::Messenger& messenger_;
  std::deque<common::UserName> names_;  // each once, as the messenger asks: its contacts
  std::deque<Stranger> strangers_;      // kStrangersMax at most
  std::optional<Asked> asked_;
  bool is_names_turn_ = false;
  std::deque<common::Certificate> for_person_;  // kStrangersMax at most: of more the oldest goes
};

}  // namespace peer
