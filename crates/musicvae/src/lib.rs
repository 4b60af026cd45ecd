//! MusicVAE: a recurrent variational autoencoder of short pieces of music.
