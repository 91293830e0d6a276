#include "registry/node.hpp"

#include "common/take_front.hpp"

namespace registry {

using http::ApiResult;
using http::HeldResponse;
using http::ParkedRequest;

namespace {

std::optional<Gateway> make_gateway(common::Transport transport, GatewayPorts* ports,
                                    std::size_t ports_max, Directory& directory, Hub& hub) {
  if (ports == nullptr) return std::nullopt;
  return std::optional<Gateway>(std::in_place, transport, ports_max, *ports, directory, hub);
}

}  // namespace

Node::Node(const NodeOptions& options, common::Random& random,
           http::HttpApi::RenderMetrics render_metrics)
    : directory_(options.rules, random),
      hub_(directory_),
      udp_gateway_(make_gateway(common::Transport::kUdp, options.gateway_ports,
                                options.gateway_ports_max, directory_, hub_)),
      tcp_gateway_(make_gateway(common::Transport::kTcp, options.tcp_gateway_ports,
                                options.gateway_ports_max, directory_, hub_)),
      api_({.hosts = options.hosts,
            .lease = options.rules.lease,
            .classic_lease = options.rules.classic_lease},
           directory_, hub_, {.udp = gateway(), .tcp = tcp_gateway()}, std::move(render_metrics)) {
  open_doors(options);
}

// Each door there may be has its lines here.
void Node::open_doors(const NodeOptions& options) {
  // NetChat clients register over HTTP, as everybody may.
  auto netchat = std::make_unique<doors::NetchatDoor>(hub_, tcp_gateway(), options.is_own_address);
  netchat_ = netchat.get();
  doors_.emplace(common::Door::kNetchat, std::move(netchat));
  if (options.two_connection) {
    auto door =
        std::make_unique<doors::TwoConnectionDoor>(*options.two_connection, directory_, hub_);
    two_connection_ = door.get();
    doors_.emplace(common::Door::kTwoConnection, std::move(door));
  }
  if (options.room) {
    doors_.emplace(common::Door::kRoom,
                   std::make_unique<doors::RoomDoor>(*options.room, directory_, hub_));
  }
  if (options.rendezvous) {
    auto door = std::make_unique<doors::RendezvousDoor>(*options.rendezvous, directory_, hub_,
                                                        options.is_own_address);
    rendezvous_ = door.get();
    doors_.emplace(common::Door::kRendezvous, std::move(door));
  }
}

ApiResult Node::handle(TimePoint now, common::WallTime wall, Ticket ticket,
                       const http::ApiRequest& request) {
  auto woken = rerunning_.extract(ticket);
  ApiResult result = api_.handle(now, wall, request);
  if (const auto* held = std::get_if<HeldResponse>(&result)) {
    held_.emplace(held->change, ticket);
  } else if (const auto* awaited = std::get_if<http::AwaitedDelivery>(&result)) {
    awaiting_.emplace(awaited->delivery, ticket);
  } else if (const auto* parked = std::get_if<ParkedRequest>(&result)) {
    auto& queue = parked_[parked->key];
    // One that was woken and waits again keeps its place in front of later ones.
    if (woken.empty()) {
      queue.push_back(ticket);
    } else {
      queue.push_front(ticket);
    }
  }
  if (!woken.empty()) wake(woken.mapped());
  return result;
}

void Node::abandon(Ticket ticket) {
  const auto woken = rerunning_.extract(ticket);
  if (!woken.empty()) wake(woken.mapped());
}

void Node::handle_committed(TimePoint now,
                            const std::vector<std::pair<ChangeId, Version>>& changes) {
  for (const auto& [change, version] : changes) {
    directory_.handle_committed(now, change, version);
    if (const auto held = held_.extract(change))
      releases_.push_back({.ticket = held.mapped(), .kind = Release::Kind::kCommitted});
  }
  wake_settled();
}

void Node::handle_failed(TimePoint now, const std::vector<ChangeId>& changes) {
  for (const ChangeId change : changes) {
    directory_.handle_failed(now, change);
    if (const auto held = held_.extract(change))
      releases_.push_back({.ticket = held.mapped(), .kind = Release::Kind::kFailed});
  }
  wake_settled();
}

void Node::handle_probe_result(TimePoint now, const std::string& key, bool is_gone) {
  directory_.handle_probe_result(now, key, is_gone);
  wake_settled();
}

void Node::handle_timeout(TimePoint now) {
  directory_.handle_timeout(now);
  for (const auto& [name, door] : doors_) door->handle_timeout(now);
  run_hub(now);
}

std::optional<TimePoint> Node::next_timeout() const {
  auto next = directory_.next_timeout();
  for (const auto& [name, door] : doors_) next = common::earliest({next, door->next_timeout()});
  return next;
}

void Node::handle_transmitted(DeliveryId delivery, bool is_sent) {
  hub_.handle_outcome(delivery, is_sent ? DeliveryOutcome::kSent : DeliveryOutcome::kRefused);
}

void Node::run_hub(TimePoint now) {
  for (;;) {
    if (auto push = hub_.poll_push()) {
      doors::MessageDoor& door = *doors_.at(push->door);
      door.handle_push(now, *std::move(push));
    } else if (const auto result = hub_.poll_result()) {
      switch (result->asker.kind) {
        case Asker::Kind::kDoor:
          doors_.at(result->asker.door)->handle_result(now, *result);
          break;
        case Asker::Kind::kHttp:
          if (const auto ticket = awaiting_.extract(result->delivery)) {
            releases_.push_back({ticket.mapped(), Release::Kind::kDelivered, result->outcome});
          }
          break;
        case Asker::Kind::kNobody:
        case Asker::Kind::kGateway:
          break;  // a datagram's sender is not answered
      }
    } else {
      break;
    }
  }
  for (Gateway* gateway : {gateway(), tcp_gateway()})
    if (gateway != nullptr) gateway->close_unused();
}

void Node::shut_down_doors(TimePoint now) {
  for (const auto& [name, door] : doors_) door->fail_deliveries();
  run_hub(now);
  for (const auto& [name, door] : doors_) door->shut_down(now);
}

void Node::set_store_up(bool up) {
  directory_.set_store_up(up);
  api_.health().is_store_up = up;
}

std::optional<Node::Release> Node::poll_release() { return common::take_front(releases_); }

void Node::wake_settled() {
  while (const auto key = directory_.poll_settled()) wake(*key);
}

// Wakes the first that waits for the key; the next is woken when that one has been handled.
void Node::wake(const std::string& key) {
  const auto it = parked_.find(key);
  if (it == parked_.end() || directory_.is_busy(key)) return;
  const Ticket ticket = it->second.front();
  it->second.pop_front();
  if (it->second.empty()) parked_.erase(it);
  rerunning_.emplace(ticket, key);
  releases_.push_back({.ticket = ticket, .kind = Release::Kind::kRerun});
}

}  // namespace registry
