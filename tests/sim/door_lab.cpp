#include "tests/sim/door_lab.hpp"

#include <fmt/format.h>

#include <numeric>

#include "common/classic_datagram.hpp"
#include "registry/doors/limits.hpp"

namespace sim {
namespace {

using namespace std::chrono_literals;

}  // namespace

DoorLab::DoorLab(std::uint64_t seed, Sizes sizes)
    : random_(seed),
      node_({.two_connection = registry::doors::TwoConnectionOptions{},
             .room = registry::doors::RoomOptions{},
             .rendezvous = registry::doors::RendezvousOptions{},
             .gateway_ports = &ports_,
             .tcp_gateway_ports = &tcp_ports_},
            random_, [] { return std::string(); }),
      ledger_([this](std::string text) { fail(std::move(text)); }),
      two_connection_(lend(), sizes.two_connection,
                      {.room = sizes.room, .are_of_all = sizes.rendezvous > 0}),
      room_(lend(), sizes.room),
      classic_(lend(), common::Transport::kUdp, sizes.classic),
      netchat_(lend(), common::Transport::kTcp, sizes.netchat),
      rendezvous_(lend(), sizes.rendezvous) {
  std::vector<std::uint16_t> relay_ports(RendezvousCrowd::kRelayPorts);
  std::iota(relay_ports.begin(), relay_ports.end(), RendezvousCrowd::kRelayPort);
  node_.rendezvous()->set_relay_ports(std::move(relay_ports));
}

void DoorLab::fail(std::string text) {
  constexpr std::size_t kToldMax = 10;
  if (failures_.size() < kToldMax)
    failures_.push_back(fmt::format(
        "{:.3f} s: {}", std::chrono::duration<double>(scheduler_.now().time_since_epoch()).count(),
        text));
}

// FNV-1a over everything that is said.
void DoorLab::note(std::string_view text) {
  for (const char c : text) {
    trace_ ^= static_cast<unsigned char>(c);
    trace_ *= 1099511628211ULL;
  }
}

Lab DoorLab::lend() {
  return {.scheduler = scheduler_,
          .random = random_,
          .node = node_,
          .last_stream = last_stream_,
          .ledger = ledger_,
          .is_calm = is_calm_,
          .settle = [this] { settle(); },
          .fail = [this](std::string text) { fail(std::move(text)); },
          .note = [this](std::string_view text) { note(text); },
          .any_name = [this] { return any_name(); }};
}

std::string DoorLab::any_name() {
  constexpr std::size_t kShared = 3;  // names that several users want
  const std::size_t classic = classic_.size(), netchat = netchat_.size();
  std::size_t n = random_.below(two_connection_.size() + room_.size() + classic + netchat +
                                rendezvous_.size() + kShared + 1);
  if (n < two_connection_.size()) return TwoConnectionCrowd::name_of(n);
  if ((n -= two_connection_.size()) < room_.size()) return RoomCrowd::name_of(n);
  if ((n -= room_.size()) < classic) return classic_.name_of(n);
  if ((n -= classic) < netchat) return netchat_.name_of(n);
  if ((n -= netchat) < rendezvous_.size()) return RendezvousCrowd::name_of(n);
  if ((n -= rendezvous_.size()) < kShared) return fmt::format("s{}", n);
  return "room";
}

// A stranger floods somebody who has to be asked first: with texts under one name, or under many;
// and he claims to be somebody with an account, which has to reach nobody.
void DoorLab::disturb() {
  if (is_calm_ || is_ending_) return;
  scheduler_.after(2s + std::chrono::milliseconds(random_.below(20'000)), [this] { disturb(); });
  constexpr std::size_t kTexts = 200;
  const common::IpAddress stranger = common::IpAddress::v4({10, 9, 0, 1});
  const std::string to = RendezvousCrowd::name_of(random_.below(rendezvous_.size()));
  node_.gateway()->prepare_all();
  const registry::Record* record = node_.directory().find(*common::UserName::parse(to));
  const auto port =
      record == nullptr ? std::uint16_t{0} : record->gateway_ports[common::Transport::kUdp];
  if (port == 0) return;
  const auto write = [&](const std::string& from, const std::string& text) {
    const auto datagram = common::encode_classic(*common::UserName::parse(from), text);
    node_.gateway()->handle_datagram(port, stranger, *datagram);
    settle();
  };
  const bool is_of_many = happens(50);
  for (std::size_t i = 0; i < kTexts; ++i) {
    const std::string from = fmt::format("z{}", is_of_many ? i : 0);
    write(from, ledger_.write(from, {.name = to}));
  }
  write(TwoConnectionCrowd::name_of(random_.below(two_connection_.size())),
        ledger_.write("nobody", {.name = to}));
  if (is_of_many) check_is_open(to);
}

// Whoever is listed can ask him, however many strangers have: the text waits, or is shown.
void DoorLab::check_is_open(const std::string& name) {
  const auto busy = [this] {
    constexpr auto kBusy = static_cast<std::size_t>(registry::DeliveryOutcome::kBusy);
    return node_.hub().counters().outcomes[kBusy];
  };
  const auto to = *common::UserName::parse(name);
  const std::string from = classic_.name_of(random_.below(classic_.size()));
  const registry::Record* record = node_.directory().find(to);
  const registry::Record* asker = node_.directory().find(*common::UserName::parse(from));
  if (record == nullptr || record->user.door != common::Door::kRendezvous || asker == nullptr ||
      asker->user.door != common::Door::kClassic ||
      node_.rendezvous()->rooms().is_in_room(record->session)) {
    return;
  }
  const auto before = busy();
  const auto text = ledger_.write(from, {.name = name});
  node_.hub().deliver(
      registry::Asker::nobody(), 0,
      std::make_shared<const registry::Message>(registry::Message{from, text, false}), to);
  settle();
  ++asked_meanwhile_;
  if (busy() != before) fail(fmt::format("{} cannot ask {}, whom strangers flood", from, name));
}

std::vector<std::string> DoorLab::run(Duration busy, bool is_calmed) {
  two_connection_.begin();
  room_.begin();
  classic_.begin();
  netchat_.begin();
  rendezvous_.begin();
  if (rendezvous_.size() > 0) scheduler_.after(5s, [this] { disturb(); });
  scheduler_.run_until(TimePoint{} + busy);
  if (is_calmed) {
    calm_down();
    if (failures_.empty()) check_reach();
  }
  is_ending_ = true;
  room_.end();
  classic_.end();
  netchat_.end();
  rendezvous_.end();
  two_connection_.end();
  scheduler_.run_until(scheduler_.now() + kKeepalive + registry::doors::kLoginTime);
  check_nothing_left();
  return failures_;
}

void DoorLab::check_nothing_left() {
  const auto& door = *node_.two_connection();
  const auto& rendezvous = *node_.rendezvous();
  if (door.client_count() != 0) fail(fmt::format("{} clients are left", door.client_count()));
  if (rendezvous.client_count() + rendezvous.guest_count() + rendezvous.held_count() != 0)
    fail("somebody or something is left at the rendezvous door");
  if (node_.netchat().stream_count() != 0) fail("a NetChat connection is left");
  if (node_.hub().room().sessions().size() != 0) fail("somebody is still in the room");
  if (node_.directory().size() != 0) fail("somebody is still listed");
  if (node_.hub().under_way() != 0) fail("a delivery never ended");
  if (node_.gateway()->open_count() + node_.tcp_gateway()->open_count() != 0)
    fail("a gateway port is left open");
}

// --- After the disorder --------------------------------------------------------------------------

// Faults end; whoever is away comes back, when names of machines that vanished are free again.
void DoorLab::calm_down() {
  is_calm_ = true;
  two_connection_.calm_down();
  for (Duration waited{}; waited < 2 * kKeepalive && !missing().empty(); waited += 5s) {
    for (std::size_t i = 0; i < rendezvous_.size(); ++i)
      if (rendezvous_.is_in_room(i)) rendezvous_.leave_room(i);
    scheduler_.run_until(scheduler_.now() + 5s);
  }
  if (!missing().empty()) return fail("not everybody is back: " + missing());
  // Whose request waits still is not asked about again.
  scheduler_.run_until(scheduler_.now() + registry::doors::RendezvousRooms::kRequestTime + 1s);
}

std::string DoorLab::missing() const {
  std::string names;
  const auto look_at = [&](const auto& crowd) {
    for (std::size_t i = 0; i < crowd.size(); ++i)
      if (!crowd.is_ready(i)) names += crowd.name_of(i) + ' ';
  };
  look_at(room_);
  look_at(classic_);
  look_at(netchat_);
  look_at(rendezvous_);
  look_at(two_connection_);
  return names;
}

// docs/protocol/doors.md, "Who reaches whom", for one user of each door. What goes from program to
// program has nothing to do with the registry.
void DoorLab::check_reach() {
  struct Seat {
    std::string name;
    std::function<std::string(const std::string& to)> write;
    std::function<void()> enter_room;
  };
  const std::size_t u = random_.below(two_connection_.size()), r = random_.below(room_.size()),
                    c = random_.below(classic_.size()), n = random_.below(netchat_.size()),
                    a = random_.below(rendezvous_.size());
  const std::vector<Seat> seats = {
      {TwoConnectionCrowd::name_of(u),
       [&](const std::string& to) { return two_connection_.write_to(u, to); },
       [&] { two_connection_.write_to(u, "room"); }},
      {RoomCrowd::name_of(r), nullptr, nullptr},
      {classic_.name_of(c), [&](const std::string& to) { return classic_.write_to(c, to); },
       [&] { classic_.enter_room(c); }},
      {netchat_.name_of(n), [&](const std::string& to) { return netchat_.write_to(n, to); },
       [&] { netchat_.enter_room(n); }},
      {RendezvousCrowd::name_of(a),
       [&](const std::string& to) { return rendezvous_.ask_and_write(a, to); },
       [&] { rendezvous_.ask(a, "room"); }},
  };
  const auto expect = [&](const std::string& text, const Seat& from, const Seat& to) {
    ++reached_;
    if (text.empty() || !ledger_.is_read(text, to.name))
      fail(fmt::format("{} does not reach {}", from.name, to.name));
  };
  const auto pass = [&](bool ends_chat) {
    scheduler_.run_until(scheduler_.now() + 4s);
    if (!ends_chat) return;
    rendezvous_.leave_room(a);
    scheduler_.run_until(scheduler_.now() + 1s);
  };
  for (const Seat& from : seats) {
    if (from.write == nullptr) continue;
    for (const Seat& to : seats) {
      if (&from == &to) continue;
      const std::string text = from.write(to.name);
      pass(true);
      expect(text, from, to);
    }
  }
  for (const Seat& guest : seats) {
    if (guest.enter_room == nullptr) continue;
    guest.enter_room();
    pass(false);
    const std::string text = ledger_.write(seats[1].name, {.name = "room"});
    room_.say_text(r, text);
    pass(false);
    expect(text, seats[1], guest);
  }
  pass(true);
}

// --- The registry's side -------------------------------------------------------------------------

void DoorLab::settle() {
  auto& door = *node_.two_connection();
  for (bool is_quiet = false; !is_quiet;) {
    is_quiet = true;
    node_.run_hub(scheduler_.now());
    while (const auto verify = door.poll_verification(scheduler_.now())) {
      is_quiet = false;
      scheduler_.after(
          std::chrono::milliseconds(random_.below(two_connection_.size() > 100 ? 5 : 150)),
          [this, verify] {
            node_.two_connection()->handle_verified(scheduler_.now(), common::WallTime{1},
                                                    verify->client,
                                                    verify->secret == verify->password);
            settle();
          });
    }
    while (const auto action = door.poll_action()) {
      is_quiet = false;
      two_connection_.carry_out(*action);
    }
    while (const auto action = node_.doors().at(common::Door::kRoom)->poll_action()) {
      is_quiet = false;
      room_.carry_out(*action);
    }
    while (const auto action = node_.netchat().poll_action()) {
      is_quiet = false;
      netchat_.carry_out(*action);
    }
    while (const auto action = node_.rendezvous()->poll_action()) {
      is_quiet = false;
      rendezvous_.carry_out(*action);
    }
    while (const auto transmit = node_.hub().poll_transmit()) {
      is_quiet = false;
      classic_.receive_datagram(transmit->to, *transmit->datagram);
      node_.handle_transmitted(transmit->delivery, true);
    }
    while (const auto change = node_.poll_change()) commit_later(change->id);
    // A holder who does not answer counts as alive.
    while (const auto probe = node_.poll_probe())
      node_.handle_probe_result(scheduler_.now(), probe->key, false);
  }
  while (node_.poll_event() || door.poll_notice()) {
  }
  two_connection_.check_bounds();
  if (rendezvous_.size() > 0) rendezvous_.check_bounds();
  arm_timer();
}

// The store takes its time.
void DoorLab::commit_later(registry::ChangeId change) {
  scheduler_.after(delay(), [this, change] {
    node_.handle_committed(scheduler_.now(), {{change, node_.directory().version() + 1}});
    for (ListedCrowd* crowd : {&classic_, &netchat_}) crowd->handle_committed(change);
    settle();
  });
}

void DoorLab::arm_timer() {
  const auto due = node_.next_timeout();
  if (!due || (timer_ && *timer_ <= *due)) return;
  timer_ = due;
  scheduler_.at(*due, [this, when = *due] {
    if (timer_ != when) return;
    timer_.reset();
    node_.handle_timeout(scheduler_.now());
    settle();
    arm_timer();
  });
}

}  // namespace sim
