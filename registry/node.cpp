#include "registry/node.hpp"

namespace registry {

using http::ApiResult;
using http::HeldResponse;
using http::ParkedRequest;

Node::Node(NodeOptions options, common::Random& random, http::HttpApi::RenderMetrics render_metrics)
    : directory_(options.rules, random),
      api_({.hosts = std::move(options.hosts),
            .lease = options.rules.lease,
            .classic_lease = options.rules.classic_lease},
           directory_, std::move(render_metrics)) {}

ApiResult Node::handle(TimePoint now, common::WallTime wall, Ticket ticket,
                       const http::ApiRequest& request) {
  auto woken = rerunning_.extract(ticket);
  ApiResult result = api_.handle(now, wall, request);
  if (const auto* held = std::get_if<HeldResponse>(&result)) {
    held_.emplace(held->change, ticket);
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
      releases_.push_back({held.mapped(), Release::Kind::kCommitted});
  }
  wake_settled();
}

void Node::handle_failed(TimePoint now, const std::vector<ChangeId>& changes) {
  for (const ChangeId change : changes) {
    directory_.handle_failed(now, change);
    if (const auto held = held_.extract(change))
      releases_.push_back({held.mapped(), Release::Kind::kFailed});
  }
  wake_settled();
}

void Node::handle_probe_result(TimePoint now, const std::string& key, bool is_gone) {
  directory_.handle_probe_result(now, key, is_gone);
  wake_settled();
}

void Node::set_store_up(bool up) {
  directory_.set_store_up(up);
  api_.health().is_store_up = up;
}

std::optional<Node::Release> Node::poll_release() {
  if (releases_.empty()) return std::nullopt;
  const Release release = releases_.front();
  releases_.pop_front();
  return release;
}

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
  releases_.push_back({ticket, Release::Kind::kRerun});
}

}  // namespace registry
