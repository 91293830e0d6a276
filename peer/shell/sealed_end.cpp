#include "peer/shell/sealed_end.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "common/base64.hpp"
#include "common/os/clock.hpp"
#include "peer/shell/user_folder.hpp"

namespace peer {
namespace {

namespace fs = std::filesystem;
using common::unexpected;
using common::os::monotonic_now;
using common::os::wall_now;
using sealed::Admission;
using sealed::Messenger;
using sealed::PinGate;

/// How long the registry may take to say who a stranger is: less than senders wait.
constexpr std::chrono::seconds kStrangerTime{1};
/// Strangers who wait for that. More are let in without: a flood makes nobody wait.
constexpr std::size_t kStrangersMax = 64;
/// How often the file of pins is looked at: a person has just said `trust` in another window.
constexpr std::chrono::milliseconds kLookPause{200};
/// As many datagrams as one call hands to the kernel at once.
constexpr std::size_t kBufferBytes = 48 * sealed::kDatagramBytesMax;

std::string describe(const IdentityFailure& failure) {
  if (failure.error == std::errc::illegal_byte_sequence)
    return fmt::format("{} is no identity: it has to be one line, ed25519-seed and a key",
                       failure.path.string());
  return fmt::format("cannot use {}: {}", failure.path.string(), failure.error.message());
}

/// What a recipient's hook made of a message.
void describe_handled(const Messenger::Outcome& outcome, Delivery& delivery) {
  delivery.level = DeliveryLevel::kHandled;
  delivery.output = common::as_text(outcome.output);
  constexpr int kSignalled = 128;
  switch (outcome.handled) {
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
      delivery.hook_status = static_cast<int>(common::ExitStatus::kTimedOut);
      delivery.reason = "the hook took too long and was killed";
      return;
    case sealed::HandledResult::kNotRun:
      delivery.status = common::ExitStatus::kTemporary;
      delivery.reason = "no hook took it";
      return;
  }
}

std::string to_remark(const PinGate::Alarm& alarm, const Options& options, const fs::path& file) {
  const std::string& name = alarm.name.text();
  const std::string fingerprint = common::format_fingerprint(alarm.identity);
  const std::string command = trust_command(options, alarm.name, alarm.identity);
  switch (alarm.kind) {
    case PinGate::Alarm::Kind::kKeyChanged:
      return fmt::format(
          "the key of {} has changed: nothing goes to, or comes from, who says so\n"
          "  The new key is {}. If {} confirms that by another way:\n  {}",
          name, fingerprint, name, command);
    case PinGate::Alarm::Kind::kUnreadable:
      return fmt::format(
          "the line for {} in {} cannot be read\n  Mend it, or, for the key {}:\n  {}", name,
          file.string(), fingerprint, command);
    case PinGate::Alarm::Kind::kStranger:
      return fmt::format(
          "{} is not known here, and strangers are refused (--trust strict)\n"
          "  The key is {}. To let it in:\n  {}",
          name, fingerprint, command);
    case PinGate::Alarm::Kind::kNotHis:
      return fmt::format("somebody calls himself {}, whom the registry knows otherwise: refused",
                         name);
    case PinGate::Alarm::Kind::kStale:
      return fmt::format("the registry shows an old certificate of {}: not used", name);
    case PinGate::Alarm::Kind::kNoRoom:
      return fmt::format("{} holds as many names as it may: {} is refused", file.string(), name);
  }
  return {};
}

}  // namespace

std::optional<common::Certificate> certificate_of(const common::User& user) {
  if (!user.certificate) return std::nullopt;
  const auto bytes = common::decode_base64(*user.certificate);
  if (!bytes) return std::nullopt;
  auto certificate = common::decode_certificate(*bytes);
  if (!certificate || !(certificate->name == user.name)) return std::nullopt;
  return *std::move(certificate);
}

std::string trust_command(const Options& options, const common::UserName& name,
                          const common::IdentityKey& identity) {
  return fmt::format("peer {} {} trust {} {}", options.name.text(), options.registry_text,
                     name.text(), common::format_fingerprint(identity));
}

common::expected<KeyFiles, KeyFailure> KeyFiles::open(const Options& options,
                                                      common::Random& random) {
  std::string key_file = options.key_file;
  if (key_file.empty()) {
    const char* variable = std::getenv("PEER_KEY");
    if (variable != nullptr) key_file = variable;
  }
  const auto data = data_folder();
  if (key_file.empty() && !data)
    return unexpected{
        KeyFailure{"no place to keep a key: set HOME or PEER_HOME, or give --key FILE or --plain"}};
  std::optional<fs::path> folder;
  if (data) folder = *data / folder_name(options.name);
  auto identity = key_file.empty() ? open_identity(*folder, random) : read_identity(key_file);
  if (!identity) return unexpected{KeyFailure{describe(identity.error())}};
  KeyFiles files{.identity = *std::move(identity),
                 .identity_path = key_file.empty() ? *folder / "identity" : fs::path(key_file),
                 .name_folder = folder,
                 .known_peers = {},
                 .pins = {},
                 .remarks = {}};
  if (files.identity.is_exposed) {
    files.remarks.push_back(fmt::format("{} can be read by others: chmod 600 {}",
                                        files.identity_path.string(),
                                        files.identity_path.string()));
  }
  if (!data) return files;
  files.known_peers.emplace(*data);
  auto parsed = files.known_peers->load();
  if (!parsed) {
    return unexpected{KeyFailure{fmt::format(
        "cannot read {}: {}", files.known_peers->path().string(), parsed.error().message())}};
  }
  for (const auto& bad : parsed->bad_lines) {
    files.remarks.push_back(fmt::format("{}, line {}: {}", files.known_peers->path().string(),
                                        bad.number, to_string(bad.error)));
  }
  files.pins = std::move(parsed->peers);
  return files;
}

SealedEnd::SealedEnd(const Options& options, KeyFiles files, Settings settings)
    : options_(options),
      files_(std::move(files)),
      gate_(options.registry_text, options.trust, std::move(files_.pins)),
      identity_(std::make_shared<const common::Identity>(files_.identity.identity.clone())),
      keys_(std::move(files_.identity.identity), options.name,
            files_.name_folder ? read_last_serial(*files_.name_folder) : 0, random_,
            monotonic_now(), wall_now()),
      messenger_({.has_hook = settings.has_hook}, keys_, gate_, random_, monotonic_now()),
      buffer_(kBufferBytes) {
  for (std::string& remark : files_.remarks) remarks_.push_back(std::move(remark));
}

SealedEnd::~SealedEnd() = default;

RegistrationSigner SealedEnd::next_signer() {
  RegistrationSigner signer{.identity = identity_,
                            .certificate = keys_.current().certificate,
                            .serial = keys_.take_serial(wall_now())};
  // Before it is used: after a restart with the clock set back, serials go on from here.
  if (files_.name_folder) {
    if (const auto error = keep_serial(*files_.name_folder, signer.serial)) {
      remarks_.push_back(fmt::format("cannot write {}: {}",
                                     (*files_.name_folder / "serial").string(), error.message()));
    }
  }
  return signer;
}

void SealedEnd::handle_datagram(const common::Endpoint& from, common::Bytes datagram) {
  const auto wall = wall_now();
  gate_.set_time(wall);
  reload_pins();
  messenger_.handle_datagram(monotonic_now(), wall, from, datagram);
}

bool SealedEnd::handle_timeout() {
  const auto now = monotonic_now();
  const auto wall = wall_now();
  gate_.set_time(wall);
  const bool is_rotated = now >= keys_.next_timeout() && keys_.handle_timeout(now, wall);
  messenger_.handle_timeout(now);
  give_up_on_registry(now);
  return is_rotated;
}

std::optional<common::TimePoint> SealedEnd::next_timeout() const {
  common::TimePoint next = keys_.next_timeout();
  if (const auto due = messenger_.next_timeout()) next = std::min(next, *due);
  for (const Lookup& lookup : lookups_)
    if (lookup.stranger && !lookup.is_answered) next = std::min(next, lookup.answer_by);
  return next;
}

void SealedEnd::flush(DatagramSocket& socket) {
  save_pins();
  while (const auto sent = messenger_.poll_transmit(monotonic_now(), buffer_))
    socket.send_segments(sent->to, common::Bytes(buffer_).first(sent->bytes), sent->segment_bytes);
}

void SealedEnd::tell_user(const common::User& user) {
  gate_.set_time(wall_now());
  auto certificate = certificate_of(user);
  // One that does not verify is as good as none: it may be another the next time.
  if (!certificate) {
    messenger_.handle_lookup(monotonic_now(), user.name,
                             unexpected{Messenger::NotFound::kUnavailable});
    return;
  }
  messenger_.handle_lookup(monotonic_now(), user.name,
                           Messenger::Found{*std::move(certificate), user.endpoint});
}

Delivery SealedEnd::describe(const Messenger::Outcome& outcome) const {
  Delivery delivery{.id = format_message_id(outcome.id)};
  if (outcome.path.port != 0) delivery.path = common::format_endpoint(outcome.path);
  const auto name = *common::UserName::parse(outcome.to);
  if (const sealed::Pin* pin = gate_.peers().find(options_.registry_text, name)) {
    delivery.trust = pin->is_verified ? "verified" : gate_.is_new(name) ? "new" : "known";
  }
  if (outcome.is_delivered) delivery.round_trip = outcome.elapsed;
  delivery.has_arrived = outcome.is_delivered;
  const auto fail = [&](common::ExitStatus status, std::string reason) {
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
      fail(common::ExitStatus::kTemporary,
           fmt::format("{} within {:g} s",
                       outcome.is_delivered ? "no hook gave an answer" : "not acknowledged",
                       std::chrono::duration<double>(options_.timeout).count()));
      break;
    case Messenger::Result::kKeyChanged:
      fail(common::ExitStatus::kRefused, "one side knows the other by another key");
      break;
    case Messenger::Result::kNotTrusted:
      fail(common::ExitStatus::kRefused, "strangers are refused");
      break;
    case Messenger::Result::kUnreachable:
      fail(common::ExitStatus::kTemporary, "not to be reached any more");
      break;
    case Messenger::Result::kNoKey:
      fail(common::ExitStatus::kRefused, "the registry shows no key of this name any more");
      break;
  }
  return delivery;
}

void SealedEnd::push(Lookup lookup) {
  if (lookup.stranger) {
    if (lookups_.size() >= kStrangersMax) return answer_stranger(*lookup.stranger, nullptr);
    lookup.answer_by = monotonic_now() + kStrangerTime;
  }
  lookups_.push_back(std::move(lookup));
  start_lookup();
}

void SealedEnd::start_lookup() {
  if (is_asking_ || lookups_.empty()) return;
  is_asking_ = true;
  if (!requests_) requests_.emplace(options_.registry, std::nullopt);
  requests_->push({.request = make_lookup(lookups_.front().name)});
}

// Whatever the registry does: what is shown must not depend on its being up.
void SealedEnd::give_up_on_registry(common::TimePoint now) {
  for (Lookup& lookup : lookups_) {
    if (!lookup.stranger || lookup.is_answered || now < lookup.answer_by) continue;
    lookup.is_answered = true;
    answer_stranger(*lookup.stranger, nullptr);
  }
}

void SealedEnd::take_lookup() {
  auto answer = requests_->take_answer();
  if (!answer) return;
  is_asking_ = false;
  const Lookup lookup = std::move(lookups_.front());
  lookups_.pop_front();
  while (!lookups_.empty() && lookups_.front().is_answered) lookups_.pop_front();
  start_lookup();
  std::optional<LookupOutcome> outcome;
  if (answer->answer) outcome = interpret_lookup(lookup.name, *answer->answer);
  gate_.set_time(wall_now());
  if (lookup.stranger) return answer_stranger(*lookup.stranger, outcome ? &*outcome : nullptr);
  const auto* user = outcome ? std::get_if<common::User>(&*outcome) : nullptr;
  const auto now = monotonic_now();
  if (user == nullptr) {
    const bool is_unknown = outcome && std::holds_alternative<NotFound>(*outcome);
    return messenger_.handle_lookup(
        now, lookup.name,
        unexpected{is_unknown ? Messenger::NotFound::kUnknown : Messenger::NotFound::kUnavailable});
  }
  auto certificate = certificate_of(*user);
  if (!certificate) {
    return messenger_.handle_lookup(now, lookup.name, unexpected{Messenger::NotFound::kNoKey});
  }
  // Asked before somebody else was: what was said since is newer, and no lie.
  if (gate_.judge(lookup.name, certificate->identity) != sealed::Trust::kChanged &&
      gate_.peers().is_stale(options_.registry_text, lookup.name, certificate->serial)) {
    return messenger_.handle_lookup(now, lookup.name,
                                    unexpected{Messenger::NotFound::kUnavailable});
  }
  messenger_.handle_lookup(now, lookup.name,
                           Messenger::Found{*std::move(certificate), user->endpoint});
}

void SealedEnd::answer_stranger(const common::Certificate& stranger, const LookupOutcome* outcome) {
  auto word = PinGate::Word::kNone;
  if (outcome != nullptr && std::holds_alternative<NotFound>(*outcome)) {
    word = PinGate::Word::kUnknown;
  } else if (const auto* user = outcome == nullptr ? nullptr : std::get_if<common::User>(outcome)) {
    const auto certificate = certificate_of(*user);
    word = !certificate                                 ? PinGate::Word::kNoKey
           : certificate->identity == stranger.identity ? PinGate::Word::kSameKey
                                                        : PinGate::Word::kOtherKey;
  }
  const Admission admission = gate_.decide(stranger, word);
  if (admission == Admission::kAsk) {
    questions_.push_back(stranger);
    return;
  }
  messenger_.handle_admission(monotonic_now(), stranger.name, stranger.identity, admission);
}

std::optional<common::Certificate> SealedEnd::poll_question() {
  if (questions_.empty()) return std::nullopt;
  common::Certificate certificate = std::move(questions_.front());
  questions_.pop_front();
  return certificate;
}

void SealedEnd::answer_question(const common::Certificate& certificate, bool is_trusted) {
  messenger_.handle_admission(monotonic_now(), certificate.name, certificate.identity,
                              is_trusted ? gate_.accept(certificate) : Admission::kNotTrusted);
}

std::optional<SealedEnd::Event> SealedEnd::poll_event() {
  while (auto event = messenger_.poll_event(monotonic_now())) {
    if (auto* received = std::get_if<Messenger::Received>(&*event)) return *received;
    if (auto* outcome = std::get_if<Messenger::Outcome>(&*event)) return *outcome;
    if (const auto* wanted = std::get_if<Messenger::NeedLookup>(&*event)) {
      push({.name = *common::UserName::parse(wanted->name), .stranger = {}});
    } else if (auto* question = std::get_if<Messenger::Question>(&*event)) {
      const common::UserName name = question->certificate.name;
      push({.name = name, .stranger = std::move(question->certificate)});
    }
  }
  return std::nullopt;
}

std::optional<std::string> SealedEnd::poll_remark() {
  const fs::path file = files_.known_peers ? files_.known_peers->path() : fs::path();
  while (const auto alarm = gate_.poll_alarm())
    remarks_.push_back(to_remark(*alarm, options_, file));
  if (remarks_.empty()) return std::nullopt;
  std::string remark = std::move(remarks_.front());
  remarks_.pop_front();
  return remark;
}

void SealedEnd::save_pins() {
  const std::vector<sealed::Pin> changes = gate_.take_changes();
  if (changes.empty() || !files_.known_peers) return;
  const auto error = files_.known_peers->update([&](sealed::KnownPeers& peers) {
    bool is_changed = false;
    for (const sealed::Pin& pin : changes) {
      // Where another program has pinned something else meanwhile, that stays.
      const sealed::Pin* there = peers.find(pin.registry, pin.name);
      if (there == nullptr) {
        is_changed |= peers.pin(pin);
      } else if (there->identity == pin.identity) {
        is_changed |= peers.raise_serial(pin.registry, pin.name, pin.serial);
      }
    }
    return is_changed;
  });
  if (error) {
    remarks_.push_back(fmt::format("cannot write {}: {}\n  Keys seen now will not be known again.",
                                   files_.known_peers->path().string(), error.message()));
  }
}

// What was pinned here and is not in the file, because that could not be written, is forgotten.
void SealedEnd::reload_pins() {
  const auto now = monotonic_now();
  if (!files_.known_peers || now < next_look_) return;
  next_look_ = now + kLookPause;
  std::error_code error;
  const auto time = fs::last_write_time(files_.known_peers->path(), error);
  if (error || time == pins_time_) return;
  save_pins();
  auto parsed = files_.known_peers->load();
  if (!parsed) return;  // in the middle of something: the next look will tell
  pins_time_ = time;
  gate_.replace(std::move(parsed->peers));
}

void SealedEnd::leave(DatagramSocket& socket) {
  messenger_.leave();
  flush(socket);
}

}  // namespace peer
