// What holds of every directory after every call, whatever was asked of it, and of every list that
// is made of one.
#pragma once

#include <string_view>

#include "registry/directory.hpp"

namespace fuzz {

/// Aborts unless names have one owner, and versions and orders fit together.
void ensure_directory_rules(const registry::Directory& directory);

/// Aborts unless every form of the list reads back as the records. It takes its time: call it when
/// the directory has changed.
void ensure_lists(const registry::Directory& directory);

/// Aborts unless `answer`, head and body, is a list that a program which reads once, at most 2,048
/// bytes, understands without cutting a record, and that read whole has every UDP record over IPv4.
void ensure_old_list(const registry::Directory& directory, std::string_view answer);

}  // namespace fuzz
