"""All mutations, by what they protect."""

import doors
import peer
import registry
import sealed

MUTATIONS = registry.MUTATIONS + doors.MUTATIONS + peer.MUTATIONS + sealed.MUTATIONS
