//! What stands for a value that does not exist without the feature `admin`.

use std::{
    convert::Infallible,
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
};

/// A `T` that does not exist.
pub(crate) struct Absent<T>(Infallible, PhantomData<fn() -> T>);

impl<T> Deref for Absent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self.0 {}
    }
}

impl<T> DerefMut for Absent<T> {
    fn deref_mut(&mut self) -> &mut T {
        match self.0 {}
    }
}

impl<T> Clone for Absent<T> {
    fn clone(&self) -> Self {
        match self.0 {}
    }
}

impl<T> fmt::Debug for Absent<T> {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use crate::channelz::{
        ChannelNode, CountedCall, Present, ServerNode, SocketNode, SubchannelNode,
    };

    #[test]
    fn what_is_not_counted_takes_no_room() {
        assert_eq!(size_of::<Option<Present<String>>>(), 0);
        assert_eq!((size_of::<ChannelNode>(), size_of::<SubchannelNode>()), (0, 0));
        assert_eq!((size_of::<ServerNode>(), size_of::<SocketNode>()), (0, 0));
        assert_eq!(size_of::<CountedCall>(), 0);
    }
}
