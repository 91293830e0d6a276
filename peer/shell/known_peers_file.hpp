// The file of pins (`folder`/known_peers), shared by all programs of this user. A shell.
#pragma once

#include <filesystem>
#include <functional>
#include <system_error>

#include "common/expected.hpp"
#include "peer/sealed/known_peers.hpp"

namespace peer {

class KnownPeersFile {
 public:
  explicit KnownPeersFile(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::filesystem::path path() const { return folder_ / "known_peers"; }

  /// What the file says now; no pins when it is not there. An error when it is there and cannot be
  /// read: going on as if nobody were known would accept any key.
  common::expected<sealed::KnownPeers::Parsed, std::error_code> load() const;

  /// Reads the file under its lock, applies `change`, and replaces the file in one step (mode 0600)
  /// if `change` returned true. So no program undoes what another has pinned meanwhile.
  [[nodiscard]] std::error_code update(
      const std::function<bool(sealed::KnownPeers&)>& change) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace peer
